import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpTarget } from '../../../../../src/executors/http/target/target.ts';
import {
  compileTemplates,
  readTemplatedTarget,
  type TemplateVariables,
} from '../../../../../src/executors/http/template/template.ts';

const variables: TemplateVariables = {
  scheduledFor: '2026-12-01T01:00:00.000Z',
  attempt: 2,
  runId: '01939000-0000-7000-8000-000000000000',
  taskId: 'report',
  trigger: 'schedule',
  task: { id: 'report', name: 'Report', labels: { team: 'a/b c', 'x-y': '1' } },
  previous: {
    id: 'p',
    status: 'failed',
    scheduledFor: '2026-11-30T01:00:00.000Z',
    finishedAt: '2026-11-30T01:00:09.000Z',
  },
  input: { a: { b: ['x'] } },
};
const read = (target: object) =>
  readTemplatedTarget({ template: true, url: 'http://a.example/', ...target }, '#/target');

function filled(target: object, given = variables): HttpTarget {
  const rendered = compiledOf(target).render(given);
  if (!rendered.ok) throw new Error(rendered.errors);
  return rendered.value;
}

/** The templates of a target that is in order. */
function compiledOf(target: object) {
  const checked = read(target);
  const compiled = checked.ok ? compileTemplates(checked.value, '#/target') : checked;
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
  return compiled.value;
}

function faultsOf(target: object) {
  const checked = read(target);
  return checked.ok ? [] : checked.errors;
}

describe('a template', () => {
  test('is filled in wherever it stands', () => {
    const target = filled({
      url: 'http://a.example/{{ task.id }}?at={{ scheduledFor }}&n={{attempt}}',
      headers: { 'x-team': '{{ task.labels.team }}', 'x-plain': 'as it is' },
      body: {
        at: '{{ scheduledFor | date: "%Y-%m-%d" }}',
        list: ['{{ trigger | upcase }}', 1, null],
        'key {{ x }}': true,
      },
    });
    expect(target).toMatchObject({
      url: 'http://a.example/report?at=2026-12-01T01%3A00%3A00.000Z&n=2',
      headers: { 'x-team': 'a/b c', 'x-plain': 'as it is' },
      body: { at: '2026-12-01', list: ['SCHEDULE', 1, null], 'key {{ x }}': true },
    });
  });

  test('knows the previous run, and that it has to be looked up', () => {
    const withPrevious = compiledOf({ body: '{{ previous.finishedAt }}' });
    const without = compiledOf({ body: '{{ runId }}' });
    expect([withPrevious.usesPrevious, without.usesPrevious]).toEqual([true, false]);
    expect(
      filled({ body: 'since {{ previous.finishedAt | default: "ever" }}' }, { ...variables, previous: null }).body,
    ).toBe('since ever');
  });

  test('fills in nothing for a label that is not there, and reaches nothing but own properties', () => {
    expect(
      filled({ body: '[{{ task.labels.nobody }}{{ task.labels.constructor }}{{ task.labels.toString }}]' }).body,
    ).toBe('[]');
  });

  test('is off unless asked for', () => {
    expect(readTemplatedTarget({ url: 'http://a.example/', body: '{{ nonsense' }, '#')).toMatchObject({
      value: { body: '{{ nonsense' },
    });
    expect(readTemplatedTarget('http://a.example/{{ runId }}', '#').ok).toBe(false);
  });

  test('does not depend on the zone of the process or on its clock', () => {
    expect(filled({ body: '{{ scheduledFor | date: "%H:%M %z" }}' }).body).toBe('01:00 +0000');
    expect(filled({ body: '{{ scheduledFor | date: "%s" | plus: 3600 | date: "%H" }}' }).body).toBe('02');
    expect(filled({ body: '{{ scheduledFor | slice: 0, 10 | date: "%d %H:%M" }}' }).body).toBe('01 00:00');
    for (const value of ['now', 'today', '2026-12-01 10:00', '2026-12-01T10:00:00']) {
      const given = { ...variables, task: { ...variables.task, labels: { x: value } } };
      expect(compiledOf({ body: '{{ task.labels.x | date: "%s" }}' }).render(given)).toMatchObject({
        errors: expect.stringContaining('body: date takes an instant such as scheduledFor'),
      });
    }
  });

  test('is not tried where labels, names or the previous run decide', () => {
    expect(compiledOf({ body: '{{ task.labels.day | append: "T00:00:00Z" | date: "%d" }}' })).toBeDefined();
    expect(filled({ body: '{{ previous.finishedAt | date: "%d" }}' }, { ...variables, previous: null }).body).toBe('');
  });
});

describe('refused is', () => {
  test.each([
    ['a template that does not end', { body: '{{ runId' }, '#/target/body'],
    ['a tag', { body: '{% for i in (1..100000000) %}x{% endfor %}' }, '#/target/body'],
    ['an include', { headers: { 'x-a': '{% include "/etc/passwd" %}' } }, '#/target/headers/x-a'],
    ['a filter that is not known', { body: { a: ['{{ runId | explode }}'] } }, '#/target/body/a/0'],
    ['a filter that undoes the escaping', { url: 'http://a.example/{{ taskId | raw }}' }, '#/target/url'],
    ['a filter that draws at random', { body: '{{ task.labels | sample }}' }, '#/target/body'],
    ['a name that is not known', { body: '{{ scheduledfor }}' }, '#/target/body'],
    ['a member that is not known', { body: '{{ task.secret }}' }, '#/target/body'],
    ['a member of text', { body: '{{ runId.length }}' }, '#/target/body'],
    ['a filter that Object has', { body: '{{ runId | constructor }}' }, '#/target/body'],
    ['a name that is not known, as what a filter is given', { body: '{{ runId | append: who }}' }, '#/target/body'],
    ['the present', { body: '{{ "now" | date: "%s" }}' }, '#/target/body'],
    ['a time of the machine', { body: '{{ scheduledFor | slice: 0, 16 | date: "%H" }}' }, '#/target/body'],
    ['a zone that does not exist', { body: '{{ scheduledFor | date: "%H", "Nowhere/X" }}' }, '#/target/body'],
    ['a range that never ends', { body: '{{ (9007199254740992..9007199254740994) | join: taskId }}' }, '#/target/body'],
    ['a range, however short', { url: 'http://a.example/{{ (1..2) | first }}' }, '#/target/url'],
    ['a range as what a filter is given', { body: { a: '{{ runId | append: (1..2) }}' } }, '#/target/body/a'],
    ['a range in brackets', { body: '{{ task.labels[(1..2)] }}' }, '#/target/body'],
    ['a range in brackets in brackets', { body: '{{ task.labels[task.labels[(1..2)]] }}' }, '#/target/body'],
    ['a range between names', { body: '{{ (attempt..task.labels.n) }}' }, '#/target/body'],
    ['a range that is compared', { body: '{{ attempt contains (1..2) }}' }, '#/target/body'],
    ['a member of a text', { body: '{{ "abc"[(1..2)] }}' }, '#/target/body'],
    ['a member by a value', { body: '{{ task[task.labels.x] }}' }, '#/target/body'],
    ['a row of a table', { body: '{% tablerow i in (1..9) %}{% endtablerow %}' }, '#/target/body'],
    [
      'many names of days',
      { body: Array(100).fill(`{{ scheduledFor | date: "${'%A'.repeat(200)}" }}`) },
      '#/target/body/0',
    ],
    ['a range without end', { body: '{{ (1..100000000) | last }}' }, '#/target/body'],
    ['a format without end', { body: '{{ scheduledFor | date: "%99999999d" }}' }, '#/target/body'],
    ['an expression without end', { body: `{{ runId ${'| upcase '.repeat(100)}}}` }, '#/target/body'],
    ['a path with steps upwards', { url: 'http://a.example/p/../{{ runId }}' }, '#/target/url'],
    ['a host from a template', { url: 'http://{{ task.labels.host }}/' }, '#/target/url'],
    ['a port from a template', { url: 'http://a.example:{{ attempt }}/' }, '#/target/url'],
    ['a host that goes on in a template', { url: 'http://a.example{{ task.labels.host }}/' }, '#/target/url'],
  ])('%s, with a pointer to it', (_, target, pointer) => {
    const faults = faultsOf(target);
    expect(faults.map((fault) => fault.pointer)).toContain(pointer);
    expect(faults.every(({ detail }) => detail.length > 10 && !detail.includes('\n'))).toBe(true);
  });

  test('more than 128 of them in all, and not more than twenty faults are told', () => {
    const [text, many] = ['{{ runId }}', (count: number) => Array.from({ length: count }, () => '{{ runId }}')];
    expect(faultsOf({ url: `http://a.example/${text}`, headers: { 'x-a': text }, body: many(126) })).toEqual([]);
    expect(faultsOf({ url: `http://a.example/${text}`, headers: { 'x-a': text }, body: many(127) })).toEqual([
      { pointer: '#/target/body/126', detail: expect.stringContaining('128') },
    ]);
    expect(faultsOf({ body: Array.from({ length: 1_000 }, () => '{{') })).toHaveLength(20);
  });

  // Liquid's own analysis of such a body took 20 seconds, in which nothing else is done.
  test.each([
    ['many', '{{runId}}'.repeat(25_000)],
    ['nested', `{{ task.labels${'[task.labels'.repeat(37)}${']'.repeat(37)}}}`.repeat(500)],
    ['listed', `{{ task.labels${'[runId]'.repeat(68)}}}`.repeat(500)],
    ['open', '{{'.repeat(120_000)],
  ])('%s templates in a quarter of a megabyte, before they cost anything', (_, body) => {
    expect(faultsOf({ body, headers: { 'x-a': body.slice(0, 16_000) } })).not.toEqual([]);
  });
});

describe('the work of a stored template is bounded', () => {
  const long = { ...variables, task: { id: 'report', name: 'n'.repeat(256), labels: { days: '%A'.repeat(128) } } };

  test.each([
    ['text that multiplies', `{{ task.name${' | replace: "", task.name'.repeat(18)} }}`],
    ['names of days out of a label', Array(100).fill('{{ scheduledFor | date: task.labels.days }}')],
    ['zones', Array(128).fill('{{ scheduledFor | date: "%Y", "Europe/Berlin" }}')],
    ['what is inserted', Array(120).fill(`{{ task.name${' | append: task.name'.repeat(20)} }}`)],
  ])('%s', (_, body) => {
    const target = { type: 'http', method: 'POST', url: 'http://a.example/', headers: {}, successStatus: [], body };
    const compiled = compileTemplates({ ...target, template: true } as HttpTarget, '#/target');
    expect(compiled.ok && compiled.value.render(long)).toEqual({
      ok: false,
      errors: 'body: its expressions read or make more than a template may once filled in',
    });
  });

  test('an ordinary one is far from it', () => {
    const body = Array(60).fill('{{ scheduledFor | date: "%Y-%m-%d %H:%M:%S" }} {{ task.name | append: task.name }}');
    expect(filled({ body }, long).body).toHaveLength(60);
    expect(filled({ body: Array(20).fill('{{ scheduledFor | date: "%A, %B %d" }}') }).body).toHaveLength(20);
  });
});

describe('what is filled in', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('.', '..', '%2e%2e', '/', '?a=b', '#', '@evil.example', '\r\nx: y', '{{ 7 }}'),
  );

  test('never leaves its part of the url, nor its line of a header', () => {
    fc.assert(
      fc.property(text, (label) => {
        const given = { ...variables, task: { ...variables.task, labels: { x: label } } };
        const compiled = compiledOf({
          url: 'http://a.example/p/{{ task.labels.x }}/q',
          headers: { 'x-a': 'is {{ task.labels.x }}' },
        });
        const rendered = compiled.render(given);
        if (!rendered.ok) {
          expect(rendered.errors).toMatch(/^(url|headers\/x-a): /);
          return;
        }
        const url = new URL(rendered.value.url);
        expect([url.host, url.search, url.hash]).toEqual(['a.example', '', '']);
        expect(url.pathname).toBe(`/p/${encodeURIComponent(label)}/q`);
        expect(rendered.value.headers['x-a']).toMatch(/^[\t\x20-\x7e\xa0-\xff]*$/);
      }),
    );
  });

  test('is not looked into again', () => {
    const given = { ...variables, task: { ...variables.task, labels: { x: '{{ runId }}' } } };
    expect(filled({ body: '{{ task.labels.x }}' }, given).body).toBe('{{ runId }}');
  });

  test.each(['.', '..'])('is not %s, which would be another path', (label) => {
    const given = { ...variables, task: { ...variables.task, labels: { x: label, half: '.' } } };
    for (const path of ['p/{{ task.labels.x }}', '{{ task.labels.x }}/q?a=b', '{{ task.labels.half }}.'])
      expect(compiledOf({ url: `http://a.example/${path}` }).render(given)).toMatchObject({
        errors: expect.stringMatching(/^url: has the segment/),
      });
    const query = compiledOf({ url: 'http://a.example/p?{{ task.labels.x }}/../' }).render(given);
    expect(query).toMatchObject({ value: { url: `http://a.example/p?${label}/../` } });
  });

  test.each([
    ['the url', 'url: ', { url: `http://a.example/${'{{ task.labels.x }}'.repeat(9)}` }],
    [
      'the headers together',
      'headers: ',
      { headers: { a: '{{ task.labels.x }}'.repeat(40), b: '{{ task.labels.x }}'.repeat(40) } },
    ],
    ['the body', 'body: ', { body: Array.from({ length: 120 }, () => `${'x'.repeat(2_000)}{{ task.labels.x }}`) }],
    ['the body in bytes', 'body: ', { body: `${'☃'.repeat(90_000)}{{ runId }}` }],
    [
      'what filters make',
      'body: ',
      { body: '{{ task.labels.x | replace: "", task.labels.x | replace: "", task.labels.x }}' },
    ],
  ])('is bounded for %s', (_, field, target) => {
    const given = { ...variables, task: { ...variables.task, labels: { x: 'x'.repeat(256) } } };
    const rendered = compiledOf(target).render(given);
    expect(rendered.ok ? '' : rendered.errors.slice(0, field.length)).toBe(field);
  });

  test('has limits of its own for every attempt', () => {
    const compiled = compiledOf({ body: `${'x'.repeat(200_000)}{{ runId | upcase }}` });
    for (let attempt = 0; attempt < 20; attempt++) expect(compiled.render(variables).ok).toBe(true);
  });
});
