/** Requests of any operation of an OpenAPI document: some as it says, some nearly so, some anything. */
import fc from 'fast-check';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}
interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Schema;
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
}
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export interface AnyRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text as it is sent; undefined: none. */
  readonly body: string | undefined;
}

/** Values that have broken readers before. */
const HOSTILE: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, '', ' ', '0', '-0'],
  ...['0x', '0x0', '0xffffffffffffffff', '0x10000000000000000', '1GiB', '0.0.0', '0.0.8', '0.0.99'],
  ...['99999.0.0', '0.0.0.0', 'p1-0', 'dbesm-0-0', '../../etc/passwd', '\0', '\ud800', 'é'],
  ...['%00', '__proto__', 'constructor', 'x'.repeat(5_000), [], {}, [[]], { a: {} }],
  ...['nearest', 'unix:/x', 'https://[', '[[0,1],[1,0]]', 'NaN', 'Infinity', '1e3', '１'],
];
/** Values of this rack, for strings whose pattern they fit. */
const SANE = ['0x10000000', '256MiB', '0.0.0', '0.0.8', 'nearest', 'spread', 'pack', 'p1-0', 'key'];
const anything = fc.oneof(fc.constantFrom(...HOSTILE), fc.jsonValue({ maxDepth: 3 }), fc.string());

/** Values as the schema wants them, most of the time. */
function valueOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const { type, anyOf } = schema;
  if (depth > 4) return anything;
  let right: fc.Arbitrary<unknown>;
  if (schema.const !== undefined) right = fc.constant(schema.const);
  else if (schema.enum !== undefined) right = fc.constantFrom(...schema.enum);
  else if (anyOf !== undefined) right = fc.oneof(...anyOf.map((each) => valueOf(each, depth + 1)));
  else if (type === 'object') right = objectOf(schema, depth);
  else if (type === 'array') {
    const minLength = schema.minItems ?? 0;
    right = fc.array(valueOf(schema.items ?? {}, depth + 1), { minLength, maxLength: 4 });
  } else if (type === 'integer' || type === 'number') {
    const { minimum: min = -10, maximum: max = 2 ** 53 - 1 } = schema;
    right = fc.oneof(
      fc.integer({ min, max: Math.min(max, min + 5) }),
      fc.maxSafeInteger().map((n) => Math.min(max, Math.max(min, n))),
    );
  } else if (type === 'boolean') right = fc.boolean();
  else if (type === 'string' && schema.pattern !== undefined) {
    const pattern = new RegExp(schema.pattern);
    const sane = SANE.filter((text) => pattern.test(text));
    const fitting = fc.stringMatching(pattern);
    right = sane.length === 0 ? fitting : fc.oneof(fc.constantFrom(...sane), fitting);
  } else right = anything;
  return fc.oneof({ arbitrary: right, weight: 30 }, { arbitrary: anything, weight: 1 });
}

function objectOf({ properties = {}, required = [] }: Schema, depth: number): fc.Arbitrary<object> {
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valueOf(schema, depth + 1)]),
  );
  const plain = fc.record(model, { requiredKeys: [...required] as never });
  const more = fc.dictionary(fc.constantFrom('__proto__', 'x', 'constructor'), anything, {
    maxKeys: 1,
  });
  const short = fc.record(
    Object.fromEntries(required.map((name) => [name, model[name] ?? anything])),
  );
  return fc.oneof(
    { arbitrary: short, weight: 4 },
    { arbitrary: plain, weight: 4 },
    { arbitrary: fc.tuple(plain, more).map(([a, b]) => ({ ...a, ...b })), weight: 1 },
    { arbitrary: fc.record(model, { requiredKeys: [] }), weight: 1 },
  );
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
/** What node lets through as the value of a header. */
const headerText = (value: unknown): string =>
  textOf(value)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 300);

/** Any request of one operation. */
function requestOf(path: string, method: string, operation: Operation): fc.Arbitrary<AnyRequest> {
  const parameters = operation.parameters ?? [];
  const body = operation.requestBody?.content['application/json']?.schema;
  return fc
    .record({
      values: fc.tuple(...parameters.map(({ schema }) => valueOf(schema))),
      given: fc.tuple(
        ...parameters.map((each) => (each.required ? fc.constant(true) : fc.boolean())),
      ),
      body: bodyOf(body),
      torn: fc.option(fc.nat(), { freq: 20, nil: undefined }),
    })
    .map(({ values, given, body: value, torn }) => {
      const query = new URLSearchParams();
      const headers: Record<string, string> = {};
      let url = path;
      for (const [i, { name, in: place }] of parameters.entries()) {
        if (!given[i]) continue;
        const text = textOf(values[i]);
        if (place === 'path') url = url.replace(`{${name}}`, encode(text) || '%20');
        else if (place === 'query') query.append(name, text);
        else headers[name] = headerText(values[i]);
      }
      const text = String(query);
      const whole = value === undefined ? undefined : JSON.stringify(value);
      const sent = torn === undefined ? whole : whole?.slice(0, torn % (whole.length + 1));
      return {
        ...{ method: method.toUpperCase(), path: text === '' ? url : `${url}?${text}`, headers },
        body: sent,
      };
    });
}

function bodyOf(schema: Schema | undefined): fc.Arbitrary<unknown> {
  if (schema === undefined) return fc.option(anything, { freq: 8, nil: undefined });
  return fc.oneof(
    { arbitrary: valueOf(schema), weight: 10 },
    { arbitrary: fc.constant(undefined), weight: 1 },
  );
}

function encode(text: string): string {
  // half a character has no encoding
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '?'));
}

/** Any request of any operation of the document that `skip` leaves. */
export function anyRequest(
  { paths }: Document,
  skip: (path: string) => boolean,
): fc.Arbitrary<AnyRequest> {
  const all = Object.entries(paths)
    .filter(([path]) => !skip(path))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        arbitrary: requestOf(path, method, operation),
        // without platforms there would be little to ask for
        weight: `${method} ${path}` === 'post /v1/platforms' ? 8 : 1,
      })),
    );
  return fc.oneof(...all);
}
