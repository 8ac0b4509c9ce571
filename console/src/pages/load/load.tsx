/** The page Load. */

export function LoadPage() {
  return (
    <div className="page">
      <h1>Load</h1>
    </div>
  );
}
