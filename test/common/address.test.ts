import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress, type Address } from '../../src/common/address.js';
import { SdmError } from '../../src/common/errors.js';

const port = fc.integer({ min: 0, max: 65_535 });
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,40}[a-z0-9])?$/);
const ip4 = fc.ipV4();
const ip6 = fc.ipV6();
const path = fc
  .stringMatching(/^\/[^\0/][^\0]{0,60}$/)
  .filter((text) => !text.endsWith('/') && Buffer.byteLength(text) <= 107);
const address: fc.Arbitrary<Address> = fc.oneof(
  path.map((each) => ({ kind: 'unix' as const, path: each })),
  fc.record({
    kind: fc.constant('https' as const),
    host: fc.oneof(name, ip4, ip6),
    port,
  }),
  fc.record({
    kind: fc.constant('http' as const),
    host: fc.constantFrom('127.0.0.1', '127.8.9.254', 'localhost', '::1'),
    port,
  }),
);

describe('an address', () => {
  it('is read as it is written', () => {
    fc.assert(
      fc.property(address, (each) => {
        expect(parseAddress(formatAddress(each))).toEqual(each);
      }),
    );
  });

  it('is what it says or is refused, whatever the text', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.constantFrom('unix:', 'http://', 'https://', 'ftp://', ''), fc.string())
        .map((parts) => parts.join('')),
      fc.tuple(address, fc.string({ maxLength: 4 }), fc.nat(80)).map(([each, more, at]) => {
        const whole = formatAddress(each);
        return whole.slice(0, at) + more + whole.slice(at);
      }),
    );
    fc.assert(
      fc.property(text, (each) => {
        let read: Address;
        try {
          read = parseAddress(each);
        } catch (error) {
          expect(error).toBeInstanceOf(SdmError);
          expect(error).toMatchObject({
            code: 'SDM_INPUT',
            message: expect.stringContaining('expected'),
          });
          return;
        }
        expect(parseAddress(formatAddress(read))).toEqual(read);
        if (read.kind === 'http') expect(read.host).toMatch(/^(127\.\d+\.\d+\.\d+|localhost|::1)$/);
      }),
    );
  });

  it.each([
    'http://10.0.0.1:80',
    'http://0.0.0.0:80',
    'http://127.0.0.1.example.org:80',
    'http://127.0.0.256:80',
    'http://localhost.evil:80',
    'http://[::]:80',
    'http://[::ffff:10.0.0.1]:80',
  ])('of plain HTTP stays on this machine: %s', (text) => {
    expect(() => parseAddress(text)).toThrow(/http goes to 127\.0\.0\.1/);
  });

  it.each([
    'unix:run/s',
    'unix:/a/',
    'unix:',
    `unix:/${'x'.repeat(107)}`,
    'unix:/a\0b',
    'https://host',
    'https://host:65536',
    'https://host:-1',
    'https://user@host:1',
    'https://host:1/path',
    'https://[::1:1',
    'https://-x:1',
    '/run/s',
    '127.0.0.1:80',
  ])('that is none is refused: %j', (text) => {
    expect(() => parseAddress(text)).toThrow(/^address: expected /);
  });
});
