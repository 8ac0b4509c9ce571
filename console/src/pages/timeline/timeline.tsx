/** The page Timeline. */

export function TimelinePage() {
  return (
    <div className="page">
      <h1>Timeline</h1>
    </div>
  );
}
