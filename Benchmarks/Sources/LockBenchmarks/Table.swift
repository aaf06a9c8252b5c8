import Foundation
import Runs

/// Rows with a name first and numbers after it, for a terminal and for a page.
struct Table {
  let titles: [String]
  let rows: [[String]]

  init(_ titles: [String], _ rows: [[String]]) {
    (self.titles, self.rows) = (titles, rows)
  }

  /// The first column to the left, the others to the right.
  var text: String {
    let columns = titles.enumerated().map { index, title in
      index == 0 ? RunTable.Heading.words(title) : .numbers(title)
    }
    return RunTable("", columns: columns, rows: rows).text().trimmingCharacters(in: .newlines)
  }

  var markdown: String {
    let rule = titles.indices.map { $0 == 0 ? "---" : "--:" }
    return ([titles, rule] + rows).map { row in
      "| " + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }.joined(separator: "\n")
  }
}

extension Double {
  /// Three significant digits, or all before the point.
  var short: String {
    guard isFinite else { return isNaN ? "-" : "∞" }
    let digits = self == 0 ? 0 : max(0, 2 - Int(log10(abs(self)).rounded(.down)))
    return String(format: "%.\(min(digits, 6))f", self)
  }
}
