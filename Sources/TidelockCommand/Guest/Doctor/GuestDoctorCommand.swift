import ArgumentParser
import Rainbow
import Runs

/// `tidelock guest doctor`: whether the running kernel can be switched, and what to do if not.
struct GuestDoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say whether the running kernel can be switched, and what to do if not.",
    discussion: """
      Run it in the guest, as root: other users cannot read everything. It changes nothing. Exits with \
      status 0 if the kernel can be switched, 1 if not, 3 if something could not be determined.
      """)

  @Option(
    help: "The boot image of the running kernel, if it is not in /boot.", completion: .file())
  var image: String?

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() async throws {
    var collector = GuestFacts.Collector()
    collector.image = image
    let facts = try await withNotice("Reading the kernel's image ...") { await collector.collect() }
    let diagnosis = GuestDiagnosis(facts)
    if json {
      try Output.standard.write(jsonText(diagnosis, isSnakeCase: false))
    } else {
      print(diagnosis.text())
    }
    switch diagnosis.canSwitch {
    case .yes: break
    case .no: throw ExitCode(1)
    case .unknown: throw ExitCode(3)
    }
  }
}

extension GuestDiagnosis {
  /// A line for each check, and a sentence.
  func text() -> String {
    let table = RunTable(
      "Checks", columns: [.words(""), .words("check"), .words("finding")],
      rows: checks.map { check in
        [
          check.verdict.rawValue, check.name,
          check.finding + (check.wayOut.map { "; \($0)" } ?? ""),
        ]
      }
    ).tinted { index in
      switch checks[index].verdict {
      case .ok: nil
      case .note, .unknown: .yellow
      case .no: .red
      }
    }
    let answer =
      switch canSwitch {
      case .yes: "This kernel's locks can be switched."
      case .no: "This kernel's locks cannot be switched here and now."
      case .unknown: "Whether this kernel's locks can be switched could not be determined."
      }
    return table + "\n\n" + answer
  }
}
