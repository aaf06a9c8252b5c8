import Rainbow

/// A table of a report, shown on a terminal and on a page.
public struct RunTable: Sendable {
  /// A column's heading, and whether its cells are numbers, which are set flush right.
  public struct Heading: Sendable {
    let title: String
    let isNumeric: Bool

    /// A column of words.
    public static func words(_ title: String) -> Heading { Heading(title: title, isNumeric: false) }
    /// A column of numbers.
    public static func numbers(_ title: String) -> Heading {
      Heading(title: title, isNumeric: true)
    }
  }

  /// What the table is about.
  public let title: String
  /// Whether there are no rows.
  public var isEmpty: Bool { rows.isEmpty }
  let columns: [Heading]
  let rows: [[String]]

  /// A table whose rows have one cell for each column.
  public init(_ title: String, columns: [Heading], rows: [[String]]) {
    precondition(rows.allSatisfy { $0.count == columns.count }, "a row misses cells")
    self.title = title
    self.columns = columns
    self.rows = rows
  }

  /// The table as lines of text; one line for each cell where the table is wider than `width`.
  public func text(width: Int = .max) -> String {
    guard !isEmpty else { return "" }
    let lines = aligned
    if lines.allSatisfy({ $0.count <= width }) { return lines.joined(separator: "\n") + "\n" }
    let heading = columns.map(\.title.count).max() ?? 0
    return rows.map { row in
      zip(columns, row).map { Self.padded($0.title, to: heading) + "  " + $1 + "\n" }.joined()
    }.joined(separator: "\n")
  }

  /// The lines for a terminal, whole rows in colour by their index: a bold heading, no line feed at
  /// the end.
  ///
  /// Colour appears where Rainbow enables it: standard output is a terminal and
  /// `NO_COLOR` is unset.
  public func tinted(_ color: (Int) -> NamedColor? = { _ in nil }) -> String {
    aligned.enumerated().map { index, line in
      // Above the rows: titles and a rule.
      guard index >= 2 else { return line.bold }
      return color(index - 2).map { line.applyingColor($0) } ?? line
    }.joined(separator: "\n")
  }

  /// Titles, a rule and the rows, in columns.
  private var aligned: [String] {
    let widths = columns.indices.map { index in
      rows.reduce(columns[index].title.count) { max($0, $1[index].count) }
    }
    let rule = widths.map { String(repeating: "-", count: $0) }
    return ([columns.map(\.title), rule] + rows).map { row in
      let cells = row.indices.map {
        Self.padded(row[$0], to: widths[$0], left: columns[$0].isNumeric)
      }
      let line = cells.joined(separator: " ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  private static func padded(_ text: String, to width: Int, left: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return left ? space + text : text + space
  }
}
