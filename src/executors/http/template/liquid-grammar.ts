/** The list of Liquid expressions that are allowed in `{{ … }}`. All others are refused. */

import { type Output, type Token, TokenKind } from 'liquidjs';

/** The names that an expression may begin with, and the members that may follow: null = none, `any` = any member. */
const known: Record<string, readonly string[] | 'any' | null> = {
  scheduledFor: null,
  attempt: null,
  runId: null,
  taskId: null,
  trigger: null,
  task: ['id', 'name', 'labels'],
  previous: ['id', 'status', 'scheduledFor', 'finishedAt'],
  input: 'any',
};

/** The members of Liquid's tokens that are looked at. */
type AnyToken = Token & { content?: unknown; variable?: AnyToken; props?: AnyToken[] };

/** The only form in which a template may name a secret: no other could be followed by the mask and by the checks. */
const plainSecret = /^\{\{-?\s*secrets\.([A-Za-z_][A-Za-z0-9_]{0,127})\s*-?\}\}$/;

/** The name of the secret that `{{ … }}` stands for; null where it is no secret's plain form. */
export function secretIn({ token }: Output): string | null {
  return plainSecret.exec(token.getText())?.[1] ?? null;
}

/** The names of all secrets that a text of templates may use, and perhaps more. */
export function possibleSecretsIn(text: string): string[] {
  const names = [...text.matchAll(/secrets\.([A-Za-z_][A-Za-z0-9_]{0,127})/g)].map(([, name = '']) => name);
  return [...new Set(names)];
}

/** The names that an expression uses, or the first fault in it as a phrase that follows "the template …". */
export function namesIn({ value }: Output): { names: string[] } | { fault: string } {
  const names: string[] = [];
  const tokens = [
    ...value.initial.postfix,
    ...value.filters.flatMap(({ args }) => args.map((arg) => (Array.isArray(arg) ? arg[1] : arg))),
  ];
  for (const token of tokens) {
    // `| default: 1, allow_false` has an argument without a value.
    const fault = token === undefined ? null : faultIn(token as AnyToken, names);
    if (fault !== null) return { fault };
  }
  return { names };
}

/** The fault of one token, or null; adds the names in it to `names`. */
function faultIn(token: AnyToken, names: string[]): string | null {
  switch (token.kind) {
    case TokenKind.Number:
    case TokenKind.Literal:
    case TokenKind.Quoted:
    case TokenKind.Operator:
      return null;
    case TokenKind.PropertyAccess:
      return faultInAccess(token, names);
    case TokenKind.Range:
      return 'has a range (1..9): a template may not count';
    default:
      return `has "${token.getText().slice(0, 40)}", which is not supported`;
  }
}

/** `name`, `name.member`, `name["member"]`, and names in brackets. */
function faultInAccess({ variable, props = [] }: AnyToken, names: string[]): string | null {
  if (variable !== undefined) return 'has a member of something that is not a name';
  const [first, second, ...more] = props;
  if (first === undefined || !isPlain(first)) return 'has brackets without a name in front of them';
  const name = String(first.content);
  if (name === 'secrets') return 'may use a secret only as {{ secrets.NAME }}, without filters, brackets and operators';
  if (!Object.hasOwn(known, name)) return `knows no "${name}", only ${Object.keys(known).join(', ')}`;
  names.push(name);
  const members = known[name];
  if (members === 'any') return faultInMembers(props.slice(1), names);
  if (second !== undefined && !(isPlain(second) && members?.includes(String(second.content)))) {
    const only = members == null ? '' : `, only ${members.map((member) => `${name}.${member}`).join(', ')}`;
    return `knows no "${name}.${isPlain(second) ? String(second.content) : '[…]'}"${only}`;
  }
  return faultInMembers(more, names);
}

function faultInMembers(members: readonly AnyToken[], names: string[]): string | null {
  for (const token of members) {
    const fault = isPlain(token) ? null : faultIn(token, names);
    if (fault !== null) return fault;
  }
  return null;
}

function isPlain({ kind }: Token): boolean {
  return kind === TokenKind.Word || kind === TokenKind.Quoted;
}
