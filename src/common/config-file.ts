import { readFile } from 'node:fs/promises';
import { SdmError } from './errors.js';
import { duplicateKey, whereOf } from './json-text.js';

/**
 * Reads a configuration file as it is.
 * @param instead what else there is to do where it cannot be read, such as "name another one".
 * @throws SdmError SDM_CONFIG: not there, not JSON, or a key comes twice.
 */
export async function readConfigFile(path: string, instead: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SdmError(
      'SDM_CONFIG',
      `cannot read the configuration ${path} (${cause.code}); write it, ${instead}`,
      { details: { file: path }, cause },
    );
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    throw new SdmError('SDM_CONFIG', `${path} is not JSON: ${message}${whereOf(text, message)}`, {
      details: { file: path },
      cause,
    });
  }
  const twice = duplicateKey(text);
  if (twice === undefined) return value;
  const { key, line, column } = twice;
  throw new SdmError(
    'SDM_CONFIG',
    `${path}: the key "${key}" comes twice, again at line ${line} column ${column}: leave one out`,
    { details: { file: path, key, line, column } },
  );
}
