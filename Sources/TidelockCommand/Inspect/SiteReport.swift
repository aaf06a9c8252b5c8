import ELFReader
import Foundation
import Rainbow
import TextTable

/// The patch sites of one file as `tidelock inspect` shows them.
struct SiteReport: Encodable {
  let file: String
  let buildID: String?
  let sites: [Site]

  struct Site: Encodable {
    /// The function around the site, demangled; nil if the file has no symbol for it.
    let symbol: String?
    /// Bytes from the start of that function.
    let offset: UInt64?
    let address: String
    let operation: String
    let bytes: String
    let form: String
    let problems: [SiteProblem]
  }

  init(file: String, buildID: [UInt8]?, sites: [PatchSite], functions: FunctionSymbols) {
    self.file = file
    self.buildID = buildID.map { hexadecimal($0) }
    self.sites = sites.map { site in
      let function = functions.containing(site.address)
      return Site(
        symbol: function.map { demangled($0.name) },
        offset: function.map { site.address - $0.address },
        address: hexadecimal(site.address), operation: site.operation.name,
        bytes: hexadecimal(site.bytes, separator: " "), form: site.form.rawValue,
        problems: site.problems)
    }
  }

  /// One JSON object.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// A heading, the table and a line of totals; in colour where Rainbow finds that the terminal
  /// wants it (standard output is one, `NO_COLOR` is unset).
  func table() -> String {
    let table = TextTable<Site> { site in
      [
        Column(title: "address", value: site.address, align: .right),
        Column(title: "operation", value: site.operation),
        Column(title: "bytes", value: site.bytes),
        Column(title: "form", value: site.form),
        Column(title: "symbol", value: site.place),
      ]
    }
    var lines = (table.string(for: sites) ?? "").split(separator: "\n").map {
      String($0).trimmingTrailingSpaces()
    }
    // Colour comes last: the table measures its columns by characters, escapes included.
    let firstSite = lines.count - sites.count
    for index in lines.indices {
      if index < firstSite {
        lines[index] = lines[index].bold
      } else {
        lines[index] = colored(lines[index], for: sites[index - firstSite])
      }
    }
    let build = buildID.map { ", build \($0)" } ?? ""
    return (["\(file)\(build)", ""] + lines + ["", totals]).joined(separator: "\n")
  }

  private func colored(_ line: String, for site: Site) -> String {
    if !site.problems.isEmpty || site.form == SiteForm.unknown.rawValue { return line.red }
    switch site.form {
    case SiteForm.paravirtual.rawValue: return line.cyan
    case SiteForm.breakpoint.rawValue: return line.yellow
    default: return line
    }
  }

  /// Such as `3 sites: 2 native, 1 unknown; 1 cannot be patched`.
  private var totals: String {
    let forms = SiteForm.allCases.compactMap { form in
      let count = sites.count { $0.form == form.rawValue }
      return count == 0 ? nil : "\(count) \(form.rawValue)"
    }
    let bad = sites.count { !$0.problems.isEmpty }
    return "\(sites.count) site\(sites.count == 1 ? "" : "s"): \(forms.joined(separator: ", "))"
      + (bad == 0 ? "" : "; \(bad) cannot be patched")
  }
}

extension SiteReport.Site {
  /// The function and offset, and what is wrong with the site.
  fileprivate var place: String {
    let function = symbol.map { "\($0)+\(offset ?? 0)" } ?? "-"
    return ([function] + problems.map { "[\($0.rawValue)]" }).joined(separator: " ")
  }
}

extension String {
  /// The string without the spaces that pad a table's last column.
  fileprivate func trimmingTrailingSpaces() -> String {
    String(reversed().drop { $0 == " " }.reversed())
  }
}

/// Bytes as two hexadecimal digits each.
func hexadecimal(_ bytes: [UInt8], separator: String = "") -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: separator)
}
