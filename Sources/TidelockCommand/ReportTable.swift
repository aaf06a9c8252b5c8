import ELFReader
import Foundation
import Rainbow
import TextTable

/// A table for people: a bold heading, aligned columns, whole rows in colour.
///
/// Colour appears where Rainbow finds that it is wanted: standard output is a terminal and
/// `NO_COLOR` is unset.
struct ReportTable {
  let columns: [(title: String, align: Alignment)]
  let rows: [[String]]
  /// The colour of a row, by its index; nil leaves it as it is.
  var color: (Int) -> NamedColor? = { _ in nil }

  func text() -> String {
    let table = TextTable<[String]> { row in
      zip(columns, row).map { Column(title: $0.title, value: $1, align: $0.align) }
    }
    var lines = (table.string(for: rows) ?? "").split(separator: "\n").map {
      // The last column is padded like any other.
      String($0.reversed().drop { $0 == " " }.reversed())
    }
    // Colour comes last: the table measures its columns by characters, escapes included.
    let firstRow = lines.count - rows.count
    for index in lines.indices {
      if index < firstRow {
        lines[index] = lines[index].bold
      } else if let color = color(index - firstRow) {
        lines[index] = lines[index].applyingColor(color)
      }
    }
    return lines.joined(separator: "\n")
  }
}

/// One JSON object, in the same order each time.
func prettyJSON(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// Bytes as two hexadecimal digits each.
func hexadecimal(_ bytes: [UInt8], separator: String = "") -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: separator)
}
