import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpTarget } from '../../src/domain/target.ts';
import { compileTemplates, readTemplatedTarget, type TemplateVariables } from '../../src/domain/template.ts';

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
    const compiled = compiledOf({ body: '{{ "now" | date: "%s" }}' });
    expect(compiled.render(variables)).toMatchObject({
      errors: expect.stringContaining('use scheduledFor'),
    });
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
    ['a host from a template', { url: 'http://{{ task.labels.host }}/' }, '#/target/url'],
    ['a port from a template', { url: 'http://a.example:{{ attempt }}/' }, '#/target/url'],
    ['a host that goes on in a template', { url: 'http://a.example{{ task.labels.host }}/' }, '#/target/url'],
  ])('%s, with a pointer to it', (_, target, pointer) => {
    const faults = faultsOf(target);
    expect(faults.map((fault) => fault.pointer)).toContain(pointer);
    expect(faults.every(({ detail }) => detail.length > 10 && !detail.includes('\n'))).toBe(true);
  });
});

describe('what is filled in', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('..', '/', '?a=b', '#', '@evil.example', '\r\nx: y', '{{ 7 }}'),
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
        expect(rendered.value.headers['x-a']).toMatch(/^[\t\x20-\x7e\xa0-\xff]*$/);
      }),
    );
  });

  test('is not looked into again', () => {
    const given = { ...variables, task: { ...variables.task, labels: { x: '{{ runId }}' } } };
    expect(filled({ body: '{{ task.labels.x }}' }, given).body).toBe('{{ runId }}');
  });

  test('is bounded', () => {
    const compiled = compiledOf({ url: `http://a.example/{{ task.labels.x }}${'{{ task.labels.x }}'.repeat(90)}` });
    const given = { ...variables, task: { ...variables.task, labels: { x: 'x'.repeat(256) } } };
    expect(compiled.render(given)).toMatchObject({ errors: expect.stringMatching(/^url: /) });
  });
});
