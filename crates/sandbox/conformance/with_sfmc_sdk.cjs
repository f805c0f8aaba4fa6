// The whole way by sfmc-sdk, which wants `https://{28 characters}.auth.marketingcloudapis.com/` in its
// auth_url. `fragment` hides that behind a `#`, which never leaves the client; `proxy` uses the real form
// and starts this script anew with the environment that leads it to the sandbox's proxy.
'use strict';

const { spawnSync } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const path = require('node:path');
const { CSV, FTP, ROWS, dataExtension, fact, list, newField, poll, putFile, ready } = require('./facts.cjs');

const settings = ready();
const way = process.argv[3];
const tenant = 'https://mct0l7nxfq2r988t1kxfy8sc4xxx.auth.marketingcloudapis.com/';

if (way === 'proxy' && !process.env.HTTPS_PROXY) {
    const env = { ...process.env, HTTPS_PROXY: settings.proxy_url, NODE_EXTRA_CA_CERTS: settings.ca_file };
    process.exit(spawnSync(process.execPath, process.argv.slice(1), { env, stdio: 'inherit' }).status ?? 1);
}

const say = (text) => `sfmc-sdk (${way}): ${text}`;
const equals = (leftOperand, rightOperand) => ({ filter: { leftOperand, operator: 'equals', rightOperand } });

async function main() {
    const module = path.join(process.env.NODE_PATH, 'sfmc-sdk', 'lib', 'index.js');
    const { default: SDK } = await import(pathToFileURL(module));
    const account = {
        client_id: settings.client_id,
        client_secret: settings.client_secret,
        account_id: Number(settings.account_id),
        auth_url: way === 'fragment' ? `${settings.auth_url}v2/token#${tenant}` : tenant,
    };
    const sdk = new SDK(account, { requestAttempts: 2 });
    const token = await sdk.auth.getAccessToken();
    // Under the service's own name, a token names the service's own hosts.
    const rest = way === 'proxy' ? tenant.replace('.auth.', '.rest.') : settings.rest_url;
    fact(say('a token is given'), token.rest_instance_url, rest);

    const created = await sdk.soap.create('DataExtension', structuredClone(dataExtension));
    fact(say('a data extension is created'), created.OverallStatus, 'OK');
    const updated = await sdk.soap.update('DataExtension', structuredClone(newField));
    fact(say('a field is added'), updated.OverallStatus, 'OK');
    const fields = await sdk.soap.retrieve(
        'DataExtensionField',
        ['Name', 'FieldType', 'IsPrimaryKey'],
        equals('DataExtension.CustomerKey', 'members'),
    );
    fact(say('its fields are found'), list(fields.Results).map((it) => it.Name).sort(), ['City', 'Id', 'Name']);
    const unknown = await sdk.soap.retrieve('NoSuchThing', ['Name']).then(
        () => 'no error',
        (error) => error.message,
    );
    fact(say('an unknown object type is an error'), unknown.includes('Unable to find a handler for object type'));

    await putFile(settings, 'first.csv', CSV);
    const defined = await sdk.soap.create('ImportDefinition', {
        CustomerKey: 'by_sdk',
        Name: 'by_sdk',
        AllowErrors: true,
        DestinationObject: { '@_xsi:type': 'DataExtension', CustomerKey: 'members' },
        FieldMappingType: 'InferFromColumnHeadings',
        FileSpec: 'first.csv',
        FileType: 'CSV',
        RetrieveFileTransferLocation: { CustomerKey: FTP },
        UpdateType: 'AddAndUpdate',
        HeaderLines: 1,
        StandardQuotedStrings: true,
    });
    fact(say('an import definition is created'), defined.OverallStatus, 'OK');
    // An expired token is fetched anew and the call repeated, without a word to the caller.
    await fetch(`${settings.inspect_url}expire-tokens`, { method: 'POST' });
    const started = await sdk.soap.perform('ImportDefinition', 'start', { CustomerKey: 'by_sdk' });
    fact(say('the import starts, with a new token'), started.OverallStatus, 'OK');
    const task = list(list(started.Results)[0].Result)[0].Task.ID;
    const result = await poll(async () => {
        const answer = await sdk.soap.retrieve(
            'ImportResultsSummary',
            ['TaskResultID', 'ImportStatus', 'TotalRows', 'NumberSuccessful', 'NumberErrors'],
            equals('TaskResultID', task),
        );
        return list(answer.Results).find((it) => ['Completed', 'Error'].includes(it.ImportStatus));
    });
    fact(say('the file is imported'), [result.ImportStatus, Number(result.NumberSuccessful)], ['Completed', 2]);

    const rows = await sdk.soap.retrieveBulk('DataExtensionObject[members]', Object.keys(ROWS[0]));
    const read = list(rows.Results).map((row) =>
        Object.fromEntries(list(row.Properties.Property).map((it) => [it.Name, String(it.Value)])),
    );
    fact(say('the rows are read back by SOAP'), read.sort((a, b) => a.Id.localeCompare(b.Id)), ROWS);
    const byRest = await sdk.rest.get('/data/v1/customobjectdata/key/members/rowset?$page=1&$pageSize=50');
    fact(say('the rows are read back by REST'), byRest.count, 2);
    const locations = await sdk.rest.get('/automation/v1/ftplocations/');
    fact(say('the Enhanced FTP is among the file locations'), locations.items.some((it) => it.name === FTP));
    const deleted = await sdk.soap.delete('DataExtension', { CustomerKey: 'members' });
    fact(say('the data extension is deleted'), deleted.OverallStatus, 'OK');
}

main().catch((error) => fact(say('no call fails'), error.message, 'no error'));
