import ELFReader
import LockSwitching
import Rainbow
import Runs

/// The patch sites of one file as `tidelock inspect` shows them.
struct SiteReport: Encodable {
  let file: String
  let buildID: String?
  let sites: [Site]
  /// Sentences.
  let warnings: [String]

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

  init(
    file: String, buildID: [UInt8]?, sites: [PatchSite], functions: FunctionSymbols,
    warnings: ImageWarnings
  ) {
    self.file = file
    self.warnings = warnings.sentences
    self.buildID = buildID.map { hexadecimal($0) }
    self.sites = sites.map { site in
      let function = functions.containing(site.address)
      return Site(
        symbol: function.map { demangled($0.name) },
        offset: function.map { site.address - $0.address },
        address: hexadecimal(site.address), operation: "\(site.operation.name)",
        bytes: hexadecimal(site.bytes, separator: " "), form: site.form.rawValue,
        problems: site.problems)
    }
  }

  /// One JSON object.
  func json() throws -> String { try jsonText(self, isSnakeCase: false) }

  /// A heading, the table, a line of totals and one for each warning.
  func table() -> String {
    let table = RunTable(
      "Sites",
      columns: [
        .numbers("address"), .words("operation"), .words("bytes"), .words("form"),
        .words("symbol"),
      ],
      rows: sites.map { [$0.address, $0.operation, $0.bytes, $0.form, $0.place] })
    let build = buildID.map { ", build \($0)" } ?? ""
    return "\(file)\(build)\n\n\(table.tinted { sites[$0].color })\n\n\(totals)"
      + warnings.map { "\nwarning: \($0)" }.joined()
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

  /// Red for sites that a switch would refuse.
  fileprivate var color: NamedColor? {
    if !problems.isEmpty { return .red }
    switch SiteForm(rawValue: form) {
    case .native, nil: return nil
    case .paravirtual: return .cyan
    case .breakpoint: return .yellow
    case .unknown: return .red
    }
  }
}

/// Bytes as two hexadecimal digits each.
func hexadecimal(_ bytes: [UInt8], separator: String = "") -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: separator)
}
