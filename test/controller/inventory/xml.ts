/** XML as strictly as these files need it: elements, attributes, text; no entities but the five. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};
const TAG = /<(\/?)([A-Za-z][\w:.-]*)((?:\s+[A-Za-z][\w:.-]*="[^"<]*")*)\s*(\/?)>/y;

/** @throws for what is not well-formed. @returns the root. */
export function parseXml(text: string): Element {
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/u.test(text)) {
    throw new Error('a character that no XML may have');
  }
  const root: Element = { name: '', attributes: {}, children: [] };
  const open = [root];
  let at = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/.exec(text)![0].length;
  while (at < text.length) {
    if (text[at] !== '<') {
      const end = text.indexOf('<', at);
      decode(text.slice(at, end < 0 ? undefined : end));
      at = end < 0 ? text.length : end;
      continue;
    }
    TAG.lastIndex = at;
    const [whole = '', closing, name = '', attributes = '', empty] = TAG.exec(text) ?? [];
    if (whole === '') throw new Error(`no tag: ${text.slice(at, at + 200)}`);
    at += whole.length;
    if (closing === '/') {
      if (open.pop()!.name !== name) throw new Error(`</${name}> closes another element`);
      continue;
    }
    const pairs = [...attributes.matchAll(/([\w:.-]+)="([^"]*)"/g)];
    const element = {
      name,
      attributes: Object.fromEntries(pairs.map(([, key, value]) => [key!, decode(value!)])),
      children: [],
    };
    if (Object.keys(element.attributes).length !== pairs.length) throw new Error('twice');
    open.at(-1)!.children.push(element);
    if (empty !== '/') open.push(element);
  }
  if (open.length !== 1 || root.children.length !== 1) throw new Error('not one root');
  return root.children[0]!;
}

function decode(text: string): string {
  return text.replace(/&([^;\s]{0,10};)?/g, (whole, name?: string) => {
    const number = /^#([0-9]+);$/.exec(name ?? '')?.[1];
    const known =
      number === undefined
        ? ENTITIES[name?.slice(0, -1) ?? '']
        : String.fromCodePoint(Number(number));
    if (known === undefined) throw new Error(`no entity: ${whole}`);
    return known;
  });
}

/** All elements of a name, in order. */
export function all(element: Element, name: string): Element[] {
  const own = element.name === name ? [element] : [];
  return [...own, ...element.children.flatMap((child) => all(child, name))];
}
