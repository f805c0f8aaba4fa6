// Salesforce's older Node SOAP client.
'use strict';

const FuelSoap = require('fuel-soap');
const { CSV, FTP, ROWS, dataExtension, fact, list, newField, poll, putFile, ready } = require('./facts.cjs');

const settings = ready();
const client = new FuelSoap({
    auth: {
        clientId: settings.client_id,
        clientSecret: settings.client_secret,
        authUrl: `${settings.auth_url}v2/token`,
        authOptions: { authVersion: 2, accountId: settings.account_id },
    },
    soapEndpoint: `${settings.soap_url}Service.asmx`,
});
const call = (method, ...given) =>
    new Promise((resolve, reject) => {
        client[method](...given, (error, answer) => (error ? reject(error) : resolve(answer.body)));
    });
const equals = (leftOperand, rightOperand) => ({ filter: { leftOperand, operator: 'equals', rightOperand } });
const say = (text) => `fuel-soap: ${text}`;

async function main() {
    const created = await call('create', 'DataExtension', structuredClone(dataExtension), {});
    fact(say('a data extension is created'), created.OverallStatus, 'OK');
    const updated = await call('update', 'DataExtension', structuredClone(newField), {});
    fact(say('a field is added'), updated.OverallStatus, 'OK');
    await putFile(settings, 'first.csv', CSV);
    const defined = await call(
        'create',
        'ImportDefinition',
        {
            CustomerKey: 'by_soap',
            Name: 'by_soap',
            AllowErrors: true,
            DestinationObject: { $: { 'xsi:type': 'DataExtension' }, CustomerKey: 'members' },
            FieldMappingType: 'InferFromColumnHeadings',
            FileSpec: 'first.csv',
            FileType: 'CSV',
            RetrieveFileTransferLocation: { CustomerKey: FTP },
            UpdateType: 'AddAndUpdate',
            HeaderLines: 1,
            StandardQuotedStrings: true,
        },
        {},
    );
    fact(say('an import definition is created'), defined.OverallStatus, 'OK');
    const started = await call('perform', 'ImportDefinition', { CustomerKey: 'by_soap' });
    fact(say('the import starts'), started.OverallStatus, 'OK');
    const task = list(list(started.Results)[0].Result)[0].Task.ID;
    const result = await poll(async () => {
        const properties = ['TaskResultID', 'ImportStatus', 'NumberSuccessful'];
        const answer = await call('retrieve', 'ImportResultsSummary', properties, equals('TaskResultID', task));
        return list(answer.Results).find((it) => ['Completed', 'Error'].includes(it.ImportStatus));
    });
    fact(say('the file is imported'), [result.ImportStatus, Number(result.NumberSuccessful)], ['Completed', 2]);
    const answer = await call('retrieve', 'DataExtensionObject[members]', Object.keys(ROWS[0]), {});
    const read = list(answer.Results).map((row) =>
        Object.fromEntries(list(row.Properties.Property).map((it) => [it.Name, it.Value])),
    );
    fact(say('the rows are read back'), read.sort((a, b) => a.Id.localeCompare(b.Id)), ROWS);
    const deleted = await call('delete', 'DataExtension', { CustomerKey: 'members' }, {});
    fact(say('the data extension is deleted'), deleted.OverallStatus, 'OK');
}

main().catch((error) => fact(say('no call fails'), error.message, 'no error'));
