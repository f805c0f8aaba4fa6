// What the Node clients have in common: facts, the ready file, and putting the file to import.
'use strict';

const fs = require('node:fs');
const { isDeepStrictEqual, inspect } = require('node:util');

const POLL_MS_MAX = 30_000;

exports.FTP = 'ExactTarget Enhanced FTP';
// No number with leading zeros: sfmc-sdk's XML parser takes texts that look like numbers for numbers.
exports.ROWS = [
    { Id: 'A07', Name: 'Ada, Countess', City: 'London' },
    { Id: 'B8', Name: 'Grace "Amazing"', City: 'Köln' },
];
exports.CSV = 'Id,Name,City\r\nA07,"Ada, Countess",London\r\nB8,"Grace ""Amazing""",Köln\r\n';

exports.ready = () => JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));

/** Prints a fact that holds; ends the run with what was seen of one that does not. */
exports.fact = (text, seen, wanted = true) => {
    if (isDeepStrictEqual(seen, wanted)) {
        console.log(`ok   ${text}`);
        return;
    }
    console.log(`FAIL ${text}\n  wanted: ${inspect(wanted)}\n  seen:   ${inspect(seen)}`);
    process.exit(1);
};

/** Puts a file where imports look: the SFTP and S3 doors have clients of their own, this is about SOAP. */
exports.putFile = async (settings, name, text) => {
    const url = `${settings.inspect_url}files/${encodeURIComponent(exports.FTP)}/Import/${name}`;
    const answer = await fetch(url, { method: 'PUT', body: text });
    exports.fact(`the file ${name} is put`, answer.ok);
};

/** Asks until there is an answer; an import is asynchronous, and its first results are empty. */
exports.poll = async (ask) => {
    const end = Date.now() + POLL_MS_MAX;
    while (Date.now() < end) {
        const answer = await ask();
        if (answer !== undefined) {
            return answer;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    exports.fact('the import ended', `nothing after ${POLL_MS_MAX} ms`, 'an end');
};

/** One thing or many look alike in these clients: always a list. */
exports.list = (it) => (it === undefined || it === '' ? [] : [it].flat());

exports.dataExtension = {
    CustomerKey: 'members',
    Name: 'members',
    Fields: {
        Field: [
            { Name: 'Id', MaxLength: 36, IsRequired: true, IsPrimaryKey: true, FieldType: 'Text' },
            { Name: 'Name', MaxLength: 50, FieldType: 'Text' },
        ],
    },
};
exports.newField = { CustomerKey: 'members', Fields: { Field: [{ Name: 'City', MaxLength: 50, FieldType: 'Text' }] } };
