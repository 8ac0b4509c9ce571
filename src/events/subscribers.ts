/** All subscribers of events. A new one is a folder beside this file, and one word here. */

import { hookSubscriber } from './hooks/subscriber.ts';
import type { Subscriber } from './outbox.ts';

export const subscribers: readonly Subscriber[] = [hookSubscriber];
