import { resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { sdmCommand } from '../../common/called.js';
import {
  CERTIFICATE_ROLES,
  TOKEN_ROLES,
  type CertificateRole,
  type TokenRole,
} from '../../common/server/identity.js';
import { SdmError } from '../../common/errors.js';

/** `sdm pki`: who the daemons of a rack, and the people who command them, are. */
export function pkiCommand(): Command {
  const pki = new Command('pki').description('certificates and tokens of a rack');
  for (const command of [init, issue, token, list, revoke]) pki.addCommand(command());
  const sdm = sdmCommand();
  return pki.addHelpText(
    'after',
    `
The authority's key stays in DIR; a machine gets the one directory that was issued for it:
  ${sdm} pki init /etc/sdm/pki --rack r0
  ${sdm} pki issue /etc/sdm/pki --role agent --name 0.0.1
  ${sdm} pki issue /etc/sdm/pki --role controller --name main --host controller.example
  ${sdm} pki token /etc/sdm/pki alice --role operator

docs/security.md says who needs what.`,
  );
}

const directory = (): Argument =>
  new Argument('<dir>', 'directory of the rack’s PKI').argParser((path) => resolve(path));
const roleOption = (roles: readonly string[]): Option =>
  new Option('--role <role>', 'what it may be used for').choices(roles).makeOptionMandatory();

function days(text: string): number {
  if (/^[0-9]{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 3650) return Number(text);
  throw new InvalidArgumentError('Expected a whole number of days from 1 to 3650.');
}

function init(): Command {
  return new Command('init')
    .description('make the authority of a rack')
    .addArgument(directory())
    .requiredOption('--rack <name>', 'name of the rack, part of every certificate')
    .action(async (dir: string, { rack }: { rack: string }) => {
      const { initPki } = await import('../../pki/index.js');
      await initPki(dir, rack);
      console.log(`${dir}/ca.key and ca.pem are made: guard the key, whoever has it is the rack`);
    });
}

interface IssueFlags {
  readonly role: CertificateRole;
  readonly name: string;
  readonly host: readonly string[];
  readonly days?: number;
}

function issue(): Command {
  return new Command('issue')
    .description('issue a certificate with its key')
    .addArgument(directory())
    .addOption(roleOption(CERTIFICATE_ROLES))
    .requiredOption('--name <name>', 'brick id, tray id, name of a controller or a person')
    .option(
      '--host <host>',
      'host name or IP address for clients that look at those; may be repeated',
      (host: string, hosts: string[]) => [...hosts, host],
      [],
    )
    .option('--days <n>', 'how long it holds; default 825', days)
    .action(async (dir: string, { role, name, host, days: n }: IssueFlags) => {
      const pki = await import('../../pki/index.js');
      const path = await pki.issue(dir, { role, name, hosts: host, ...(n && { days: n }) });
      console.log(path);
    });
}

function token(): Command {
  return new Command('token')
    .description('make a bearer token for a person')
    .addArgument(directory())
    .argument('<name>', 'whose it is')
    .addOption(roleOption(TOKEN_ROLES))
    .action(async (dir: string, name: string, { role }: { role: TokenRole }) => {
      const { checkName, makeToken } = await import('../../pki/index.js');
      checkName('NAME', name);
      console.log(makeToken(dir, name, role));
    });
}

function list(): Command {
  return new Command('list')
    .description('what was issued')
    .addArgument(directory())
    .option('--json', 'print JSON for programs')
    .action(async (dir: string, { json }: { json?: true }) => {
      const [{ listPki }, { listTokens }, { formatTable }] = await Promise.all([
        import('../../pki/index.js'),
        import('../../pki/tokens.js'),
        import('../../common/table.js'),
      ]);
      const { rack, certificates } = listPki(dir);
      const tokens = listTokens(dir);
      if (json) return console.log(JSON.stringify({ rack, certificates, tokens }));
      const rows = [
        ...certificates.map((each) => [
          each.role,
          each.name,
          each.state,
          each.notAfter,
          each.serial,
        ]),
        ...tokens.map((each) => [each.role, each.name, 'token', '', '']),
      ];
      console.log(`rack ${rack}`);
      console.log(formatTable(['ROLE', 'NAME', 'STATE', 'UNTIL', 'SERIAL'], rows));
    });
}

interface RevokeFlags {
  readonly role?: CertificateRole;
  readonly name?: string;
  readonly token?: string;
}

function revoke(): Command {
  return new Command('revoke')
    .description('have a certificate, or a token, refused from now on')
    .addArgument(directory())
    .addOption(new Option('--role <role>', 'of the certificate').choices(CERTIFICATE_ROLES))
    .option('--name <name>', 'of the certificate')
    .option('--token <name>', 'whose token')
    .action(async (dir: string, { role, name, token: whose }: RevokeFlags) => {
      const pki = await import('../../pki/index.js');
      if (whose !== undefined && role === undefined && name === undefined) {
        pki.revokeToken(dir, whose);
        console.log(`the token of ${whose} is revoked: copy tokens.json to where daemons read it`);
      } else if (whose === undefined && role !== undefined && name !== undefined) {
        const count = pki.revoke(dir, role, name);
        console.log(
          `${count} certificate${count === 1 ? '' : 's'} of ${role} ${name} revoked: copy ` +
            `${dir}/revoked.json to every machine that has a directory from here`,
        );
      } else {
        throw new SdmError('SDM_USAGE', 'name --role and --name of a certificate, or --token');
      }
    });
}
