/** The hooks of tasks as a subscriber: makes a delivery for each hook that hears of an event. */

import { deliverEvents } from '../../store/events/deliveries.ts';
import type { Subscriber } from '../outbox.ts';

export const hookSubscriber: Subscriber = {
  name: 'hooks',
  types: ['run_ended', 'missed'],
  take: (db, events) =>
    deliverEvents(
      db,
      events.map(({ id }) => id),
    ),
};
