/** One entry of apt's source lists, in the terms of sources.list(5). */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Fields or options that are kept as they are, e.g. Signed-By, Check-Valid-Until. */
  readonly options: Readonly<Record<string, string>>;
}

/** Options of one-line entries by their deb822 names; what says architectures is left out. */
const KEPT_OPTIONS: Readonly<Record<string, string>> = {
  'signed-by': 'Signed-By',
  trusted: 'Trusted',
  'check-valid-until': 'Check-Valid-Until',
  'valid-until-min': 'Valid-Until-Min',
  'valid-until-max': 'Valid-Until-Max',
  'check-date': 'Check-Date',
  'date-max-future': 'Date-Max-Future',
  'by-hash': 'By-Hash',
  inrelease_path: 'InRelease-Path',
};

/** Reads a deb822 file (`*.sources`). Disabled entries and entries without binaries are left out. */
export function parseDeb822(text: string): AptSource[] {
  return text
    .split(/\n(?:[ \t]*\n)+/)
    .map(parseStanza)
    .filter((source) => source !== undefined);
}

function parseStanza(text: string): AptSource | undefined {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const field = /^([A-Za-z][\w-]*):(.*)$/.exec(line);
    if (field) {
      last = (field[1] ?? '').toLowerCase();
      fields.set(last, (field[2] ?? '').trim());
    } else {
      fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
    }
  }
  const words = (name: string): string[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
  if (!words('types').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? 'yes')) {
    return undefined;
  }
  const options: Record<string, string> = {};
  for (const [key, name] of Object.entries(KEPT_OPTIONS)) {
    const value = fields.get(key);
    if (value !== undefined) options[name] = value;
  }
  return { uris: words('uris'), suites: words('suites'), components: words('components'), options };
}

/** Reads a one-line file (`sources.list`, `*.list`). */
export function parseOneLine(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const entry = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?([^#]*)/.exec(line);
    const [uri, suite, ...components] = (entry?.[2] ?? '').split(/\s+/).filter(Boolean);
    if (uri === undefined || suite === undefined) continue;
    const options: Record<string, string> = {};
    for (const option of (entry?.[1] ?? '').split(/\s+/)) {
      const [key = '', value] = option.split('=', 2);
      const name = KEPT_OPTIONS[key.toLowerCase()];
      if (name !== undefined && value !== undefined) options[name] = value.replaceAll(',', ' ');
    }
    sources.push({ uris: [uri], suites: [suite], components, options });
  }
  return sources;
}

/**
 * What of a machine's sources belongs to its own Debian release: foreign repositories must not
 * decide what a guest is made of.
 * @param mirror FAME's MIRROR: takes the place of the archive. Suites of security updates stay with
 * the machine's own source, since mirrors of the archive do not carry them.
 */
export function releaseSources(
  sources: readonly AptSource[],
  codename: string,
  mirror?: string,
): AptSource[] {
  const archive = [codename, `${codename}-updates`, `${codename}-backports`];
  const security = [`${codename}-security`, `${codename}/updates`];
  const result: AptSource[] = [];
  for (const source of sources) {
    if (!source.components.includes('main')) continue;
    const pick = (wanted: readonly string[]): string[] =>
      source.suites.filter((suite) => wanted.includes(suite.replace(/\/$/, '')));
    const [inArchive, inSecurity] = [pick(archive), pick(security)];
    const keep = { components: ['main'], options: source.options };
    if (inArchive.length > 0) {
      result.push({ ...keep, suites: inArchive, uris: mirror ? [mirror] : source.uris });
    }
    if (inSecurity.length > 0) result.push({ ...keep, suites: inSecurity, uris: source.uris });
  }
  return result;
}

/**
 * The same with one more suite of the archive, from wherever the release itself comes from. Nothing
 * is changed if some source has it already.
 */
export function withSuite(
  sources: readonly AptSource[],
  codename: string,
  suite: string,
): AptSource[] {
  if (sources.some(({ suites }) => suites.includes(suite))) return [...sources];
  return sources.map((source) =>
    source.suites.includes(codename) ? { ...source, suites: [...source.suites, suite] } : source,
  );
}

/**
 * The deb822 text of sources.
 * @param types `deb` for packages, `deb-src` for sources.
 */
export function formatSources(
  sources: readonly AptSource[],
  types: readonly ('deb' | 'deb-src')[] = ['deb'],
): string {
  return sources
    .map(({ uris, suites, components, options }) =>
      [
        `Types: ${types.join(' ')}`,
        `URIs: ${uris.join(' ')}`,
        `Suites: ${suites.join(' ')}`,
        `Components: ${components.join(' ')}`,
        ...Object.entries(options).map(([name, value]) => `${name}: ${value}`),
        '',
      ].join('\n'),
    )
    .join('\n');
}
