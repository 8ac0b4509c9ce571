/** Reads from a TypeScript file what the rules of the house look at: its imports, and its code without comments. */

export type Import = {
  /** As written: `./lease.ts`, `node:net`, `fastify`. */
  from: string;
  /** `import type` or `export type`: gone at run time. */
  typeOnly: boolean;
  /** `export … from`. */
  reExport: boolean;
};

export type Source = { imports: Import[]; code: string; lines: number };

const stringOrComment = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
const importStatement = /^[ \t]*(import|export)\b(\s+type\b)?(?!\s*[=(])[^;'"=]*?\bfrom\s*['"]([^'"]+)['"];?/gm;
const bareImport = /^[ \t]*import\s*['"]([^'"]+)['"];?/gm;
const dynamicImport = /\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g;

/** What is left of the code when its import and re-export statements are gone. */
export function withoutImports(code: string): string {
  return code.replace(importStatement, '').replace(bareImport, '').trim();
}

export function readSource(text: string): Source {
  const code = text.replace(stringOrComment, (match) => (match.startsWith('/') ? ' ' : match));
  const imports: Import[] = [];
  for (const [, keyword, type, from = ''] of code.matchAll(importStatement)) {
    imports.push({ from, typeOnly: type !== undefined, reExport: keyword === 'export' });
  }
  for (const pattern of [bareImport, dynamicImport]) {
    for (const [, from = ''] of code.matchAll(pattern)) imports.push({ from, typeOnly: false, reExport: false });
  }
  return { imports, code, lines: text.trimEnd().split('\n').length };
}
