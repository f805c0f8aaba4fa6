// SFMC DevTools, a deployment tool with the service's host names wired in: environment variables alone lead
// it to the sandbox's proxy. It deploys a data extension, retrieves what is there, and deletes it again.
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { FTP, fact, ready } = require('./facts.cjs');

const settings = ready();
const home = path.join(process.argv[3], 'mcdev');
const unit = 'sandbox/_ParentBU_';
const say = (text) => `mcdev: ${text}`;

/** The project that ships inside the package, with the sandbox's account. */
function project() {
    const model = path.join(process.env.NODE_PATH, 'mcdev', 'test', 'mockRoot');
    const config = JSON.parse(fs.readFileSync(path.join(model, '.mcdevrc.json'), 'utf8'));
    const account = Number(settings.account_id);
    config.credentials = { sandbox: { eid: account, businessUnits: { _ParentBU_: account } } };
    const login = {
        client_id: settings.client_id,
        client_secret: settings.client_secret,
        auth_url: 'https://mct0l7nxfq2r988t1kxfy8sc4xxx.auth.marketingcloudapis.com/',
        account_id: account,
    };
    const folder = path.join(home, 'deploy', unit, 'dataExtension');
    fs.mkdirSync(folder, { recursive: true });
    // Older Node takes a module for one only where a package says so.
    fs.writeFileSync(path.join(home, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    fs.writeFileSync(path.join(home, '.mcdevrc.json'), JSON.stringify(config));
    fs.writeFileSync(path.join(home, '.mcdev-auth.json'), JSON.stringify({ sandbox: login }));
    fs.copyFileSync(path.join(model, '.mcdev-validations.js'), path.join(home, '.mcdev-validations.js'));
    const field = (Name, MaxLength, isKey) => ({
        Name,
        DefaultValue: '',
        MaxLength,
        IsRequired: isKey,
        IsPrimaryKey: isKey,
        FieldType: 'Text',
    });
    const members = {
        CustomerKey: 'members',
        Name: 'members',
        Description: '',
        IsSendable: false,
        IsTestable: false,
        Fields: [field('Id', 36, true), field('Name', 50, false)],
        c__retentionPolicy: 'none',
        r__folder_ContentType: 'dataextension',
        r__folder_Path: 'Data Extensions',
    };
    fs.writeFileSync(path.join(folder, 'members.dataExtension-meta.json'), JSON.stringify(members));
}

function mcdev(...given) {
    const env = { ...process.env, HTTPS_PROXY: settings.proxy_url, NODE_EXTRA_CA_CERTS: settings.ca_file };
    const program = path.join(process.env.NODE_PATH, '.bin', 'mcdev');
    const ran = spawnSync(program, [...given, '--skipInteraction'], { cwd: home, env, encoding: 'utf8' });
    fact(say(`${given[0]} ends well`), ran.status === 0 ? 0 : ran.stdout + ran.stderr, 0);
    return ran.stdout;
}

const dataExtensions = async () => {
    const answer = await fetch(`${settings.inspect_url}data-extensions`);
    return (await answer.json()).data_extensions;
};

async function main() {
    project();
    mcdev('deploy', unit, 'dataExtension');
    const deployed = await dataExtensions();
    fact(say('the data extension is there'), deployed.map((it) => [it.key, it.fields.length]), [['members', 2]]);
    mcdev('retrieve', unit, 'dataExtension,fileLocation');
    const read = (kind, name) =>
        JSON.parse(fs.readFileSync(path.join(home, 'retrieve', unit, kind, `${name}.${kind}-meta.json`), 'utf8'));
    const fields = read('dataExtension', 'members').Fields;
    fact(say('its fields come back'), fields.map((it) => [it.Name, it.IsPrimaryKey]), [
        ['Id', true],
        ['Name', false],
    ]);
    fact(say('the Enhanced FTP is retrieved'), read('fileLocation', FTP).name, FTP);
    mcdev('delete', unit, 'dataExtension', 'members');
    fact(say('the data extension is gone'), await dataExtensions(), []);
}

main().catch((error) => fact(say('no step fails'), error.message, 'no error'));
