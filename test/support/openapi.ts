import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

interface Operation {
  readonly responses: Record<string, unknown>;
}
interface OpenApi {
  readonly paths: Record<string, Record<string, Operation>>;
}

/** Holds answers against an OpenAPI document, and remembers which of its operations were seen. */
export class OpenApiChecker {
  readonly #document: OpenApi;
  readonly #ajv: Ajv2020;
  readonly #seen = new Set<string>();
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(document: unknown) {
    this.#document = document as OpenApi;
    this.#ajv = new Ajv2020({
      strict: false,
      allErrors: true,
      formats: { 'date-time': (text: string) => new Date(text).toISOString() === text },
    });
    this.#ajv.addSchema(document as object, 'openapi');
  }

  /** "GET /v1/memports/{port} 200", for every success and one for every kind of failure. */
  get operations(): string[] {
    return Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
      ),
    );
  }

  get seen(): ReadonlySet<string> {
    return this.#seen;
  }

  /**
   * @param url as it was asked for, query and all.
   * @param type of the answer's content.
   * @throws with a list of what does not fit; also where the document has no such answer.
   */
  check(
    method: string,
    url: string,
    status: number,
    body: unknown,
    type = 'application/json',
  ): void {
    const path = this.#pathOf(url);
    const operation = this.#document.paths[path]?.[method.toLowerCase()];
    const key = [String(status), `${Math.floor(status / 100)}XX`].find(
      (name) => operation !== undefined && Object.hasOwn(operation.responses, name),
    );
    if (key === undefined) throw new Error(`${method} ${path} ${status} is not in the document`);
    const pointer = ['paths', path, method.toLowerCase(), 'responses', key, 'content']
      .concat(type, 'schema')
      .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const validate = this.#validator(pointer);
    if (!validate(body)) {
      const errors = this.#ajv.errorsText(validate.errors, { separator: '\n' });
      throw new Error(`${method} ${url} ${status}: ${errors}\n${JSON.stringify(body, null, 2)}`);
    }
    this.#seen.add(`${method} ${path} ${key}`);
  }

  #validator(pointer: string): ValidateFunction {
    const known = this.#compiled.get(pointer);
    if (known !== undefined) return known;
    const validate = this.#ajv.compile({ $ref: `openapi#/${pointer}` });
    this.#compiled.set(pointer, validate);
    return validate;
  }

  #pathOf(url: string): string {
    const parts = url.split('?')[0]!.split('/');
    const found = Object.keys(this.#document.paths).find((path) => {
      const template = path.split('/');
      return (
        template.length === parts.length &&
        template.every((part, i) => part.startsWith('{') || part === parts[i])
      );
    });
    if (found === undefined) throw new Error(`no path of the document fits ${url}`);
    return found;
  }
}
