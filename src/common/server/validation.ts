import type { AnySchema, ErrorObject, ValidateFunction } from 'ajv';
import type { FastifyServerOptions, preValidationHookHandler } from 'fastify';
import type { Compilers } from './compilers.js';
import type { App } from './app.js';

interface Validator {
  (data: unknown): boolean;
  errors: ErrorObject[] | null;
}

interface RouteSchema {
  readonly schema: unknown;
  readonly httpPart?: string;
}

/** What of a request a schema may be about. */
const CHECKED = ['body', 'params', 'querystring', 'headers'] as const;

type SchemaController = NonNullable<FastifyServerOptions['schemaController']>;

/**
 * Compilers in place of fastify's own, which are not even loaded then. Answers are plain JSON: that
 * they keep to their schemas is what the tests see to; serializers made from the schemas would drop
 * what does not fit, and cost start-up time.
 */
export function schemaController(
  compile: (route: RouteSchema) => (data: unknown) => boolean,
): SchemaController {
  const buildSerializer = () => () => (value: unknown) => JSON.stringify(value);
  // The types know only compilers that are made of Ajv and fast-json-stringify.
  const compilersFactory: unknown = { buildValidator: () => compile, buildSerializer };
  return { compilersFactory } as SchemaController;
}

/**
 * Checks requests against the schemas of their routes. Ajv is loaded for the first request and each
 * schema is compiled when its route is first asked: all at once would take as long as the rest of a
 * start.
 */
export class Validation {
  #compilers: Compilers | undefined;

  /** For fastify. */
  readonly schemaController = schemaController((route) => this.#validator(route));

  /** Never rejects: what cannot be loaded is said to whoever needs it. */
  prepare(): Promise<void> {
    return this.#load().catch(() => {});
  }

  /** Has the requests of routes that check something wait until that can be done. Before any route. */
  waitFor(app: App): void {
    app.addHook('onRoute', (route) => {
      if (!CHECKED.some((part) => route.schema?.[part] !== undefined)) return;
      route.preValidation = [this.#wait, ...[route.preValidation ?? []].flat()];
    });
  }

  readonly #wait: preValidationHookHandler = (_request, _reply, done) => {
    if (this.#compilers !== undefined) done();
    else this.#load().then(() => done(), done);
  };

  async #load(): Promise<void> {
    const { makeCompilers } = await import('./compilers.js');
    this.#compilers ??= makeCompilers();
  }

  #validator({ schema, httpPart }: RouteSchema): Validator {
    const kind = httpPart === 'body' ? 'exact' : 'textual';
    let compiled: ValidateFunction | undefined;
    const validate: Validator = (data) => {
      // They are there: the hook of waitFor() comes before any validator.
      compiled ??= this.#compilers![kind](schema as AnySchema);
      const valid = compiled(data);
      validate.errors = compiled.errors ?? null;
      return valid;
    };
    validate.errors = null;
    return validate;
  }
}
