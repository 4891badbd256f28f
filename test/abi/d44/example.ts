/** The command of D4.4 §3.3.1, character by character: single quotes and line breaks included. */
export const DOCUMENT_EXAMPLE = `{'action': 'Add', 'segments': [{'endA': 18253611007,
'net': 188440, 'startA': 17985175552, 'offset':
16374562819}, {'endA': 17985175551, 'net': 188440,
'startA':
17716740096,
'offset':
16642998274},
 {'endA':
17716740095,
'net':
188440,
'startA':
17448304640,
'offset':
16911433729},
{'endA':
17448304639, 'net': 188440, 'startA': 17179869184,
'offset': 17179869184}], 'cIP': '127.0.0.1'}`;

/** Its segments, in its order: the remote addresses are those that its offsets lead to. */
export const EXAMPLE_SEGMENTS = [
  { start: 0x4_3000_0000n, end: 0x4_3fff_ffffn, remote: 0x8_0000_0003n, net: 188440n },
  { start: 0x4_2000_0000n, end: 0x4_2fff_ffffn, remote: 0x8_0000_0002n, net: 188440n },
  { start: 0x4_1000_0000n, end: 0x4_1fff_ffffn, remote: 0x8_0000_0001n, net: 188440n },
  { start: 0x4_0000_0000n, end: 0x4_0fff_ffffn, remote: 0x8_0000_0000n, net: 188440n },
] as const;

/** The same ranges to remove, as the document prints them. */
export const DOCUMENT_REMOVE = DOCUMENT_EXAMPLE.replace("'Add'", "'Remove'");
