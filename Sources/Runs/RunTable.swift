import TextTable

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
  public func text(width: Int) -> String {
    let table = TextTable<[String]> { row in
      zip(columns, row).map { column, cell in
        Column(title: column.title, value: cell, align: column.isNumeric ? .right : .left)
      }
    }
    let lines = table.string(for: rows, style: Style.simple) ?? ""
    guard lines.split(separator: "\n").contains(where: { $0.count > width }) else { return lines }
    let heading = columns.map(\.title.count).max() ?? 0
    return rows.map { row in
      zip(columns, row).map { column, cell in
        column.title.padding(toLength: heading, withPad: " ", startingAt: 0) + "  " + cell + "\n"
      }.joined()
    }.joined(separator: "\n")
  }
}
