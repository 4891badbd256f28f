/** The document's example, with every key. */
export const WHOLE = {
  $schema: './topology.schema.json',
  ...{ version: 1, rack: 'r0', segmentSize: '256MiB', dbmc: 'https://site:7000' },
  switches: [{ id: 'ddosm', kind: 'optical', ports: 32 }],
  racks: [
    {
      ...{ id: 0, dbmc: 'http://127.0.0.1:7002' },
      switches: [{ id: 'drosm-0', kind: 'optical', ports: 64 }],
      clusters: [{ id: 0, boxes: [0] }],
      boxes: [
        {
          ...{ id: 0, dbmc: 'unix:/run/box' },
          switches: [
            { id: 'dbesm-0-0', kind: 'electrical', ports: 64, capacity: 640, dbmc: 'unix:/run/sw' },
          ],
          trays: [
            {
              ...{ id: 0, dbmc: 'http://127.0.0.1:7001' },
              bricks: [
                {
                  ...{ id: 0, type: 'compute', islands: [4, 4], memory: '1G', transceivers: 8 },
                  ...{ address: 'unix:/run/a', ip: '127.0.0.1', memports: 32 },
                  ...{ mode: 'system-ram', node: 1 },
                },
                {
                  ...{ id: 8, type: 'memory', base: '0x8000000', segments: 16, transceivers: 8 },
                  ...{ address: 'unix:/run/m', pool: 'p0' },
                },
                { id: 12, type: 'accelerator', slots: 1, transceivers: 2, address: 'unix:/run/x' },
              ],
            },
          ],
        },
      ],
    },
  ],
  links: [
    { a: '0.0.0/0', b: 'dbesm-0-0/0', capacity: 100 },
    { a: '0.0.8/7', b: 'dbesm-0-0/8' },
    { a: 'dbesm-0-0/60', b: 'drosm-0/0', capacity: 100 },
  ],
};
