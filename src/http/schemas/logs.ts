/** The schemas of logs of runs. */

import { Type } from 'typebox';
import { shown } from './parts.ts';

/** A place in a log, in bytes. */
export const offsetQuery = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** The members of a run that is answered by itself. */
export const wholeRun = {
  log: Type.Optional(
    Type.Object(
      {
        bytes: Type.Integer({ description: 'Its length, with what was dropped of it.' }),
        truncatedBytes: Type.Integer({ description: 'How many bytes in its middle were dropped.' }),
        complete: Type.Boolean({ description: 'Whether the run has ended.' }),
      },
      { named: 'RunLog', description: 'The log of the run. Absent in lists.' },
    ),
  ),
  links: Type.Optional(
    Type.Object(
      {
        log: Type.String(),
        follow: Type.String(),
        task: Type.String(),
        trace: shown({
          type: ['string', 'null'],
          description: 'The id of the trace, for the system that keeps traces.',
        }),
      },
      { named: 'RunLinks', description: 'Where more about the run is found. Absent in lists.' },
    ),
  ),
};
