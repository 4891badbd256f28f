import { describe, expect, test } from 'vitest';
import { readText } from './tables.js';

describe('native/abi/memport.h', () => {
  // What is built apart from the rest carries a copy.
  test.each(['kernel/module/sdmc/memport.h'])('is byte for byte %s', (copy) => {
    expect(readText(copy)).toBe(readText('native/abi/memport.h'));
  });
});
