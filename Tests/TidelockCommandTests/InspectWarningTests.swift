import CompiledFixtures
import Foundation
import Testing

/// What `tidelock inspect` warns of, in libraries with the real LockSites.c.
@Suite struct InspectWarningTests {
  let fixture: CompiledFixture

  init() throws { fixture = try CompiledFixture() }

  static let folder =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Sources/LockSites").path

  static let programs =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Programs").path

  /// Native in the file, which is what an early unlock and the linker's folding are told of.
  static let unlocks = """
    #include "\(programs)/first-version.h"
    void one(uintptr_t lock) { first_version_unlock(lock); }
    void other(uintptr_t lock) { first_version_unlock(lock); }
    void early(void) {}
    """

  /// The warnings about a library of such functions, with and without JSON.
  func warnings(
    _ more: String, _ options: [String], unlocks: String = unlocks
  ) throws -> [String] {
    let library = try fixture.compile(
      unlocks + more, to: "library.so",
      ["-shared", "-fPIC", "-O2", "-I\(Self.folder)/include", "\(Self.folder)/LockSites.c"]
        + options)
    let json = try tidelock(["inspect", "--json", library])
    #expect(json.status == 0)
    let report = try JSONDecoder().decode(Report.self, from: Data(json.output.utf8))
    let text = try tidelock(["inspect", library]).output
    #expect(
      text.split(separator: "\n").suffix(report.warnings.count)
        == report.warnings.map { "warning: \($0)" }[...])
    return report.warnings
  }

  struct Report: Decodable {
    let warnings: [String]
  }

  /// A core as far as anybody can tell from outside.
  static let core = #"""
    __asm__(".pushsection .note.tidelock,\"aR\",@note\n.long 9, 8, 2\n.asciz \"Tidelock\"\n"
            ".p2align 2\n.quad 0\n.popsection");
    """#

  @Test(arguments: ["bfd", "gold", "lld"])
  func namesWhatRunsBeforeTheImageIsKnown(linker: String) throws {
    let flag = "-fuse-ld=\(linker)"
    #expect(try warnings(Self.core, [flag]) == [])
    let first = try warnings(Self.core, [flag, "-Wl,-init,early"])
    #expect(first.count == 1 && first[0].hasPrefix("early runs before its sites are known"))
    // Whatever runs early, a paravirtual unlock wakes whoever sleeps.
    let today = Self.unlocks.replacing("first_version_unlock(lock)", with: "tidelock_unlock(lock)")
    #expect(try warnings(Self.core, [flag, "-Wl,-init,early"], unlocks: today) == [])
    // Of two constructors with one priority the one whose file comes first.
    let more = """
      __attribute__((section(".init_array.00000"), used)) static void (*pointer)(void) = early;
      """
    // The fixture's own file is the last.
    let own = try fixture.compile(
      Self.unlocks + more, to: "first.o", ["-c", "-fPIC", "-I\(Self.folder)/include"])
    let second = try fixture.compile(
      Self.core, to: "second.so",
      ["-shared", "-fPIC", flag, own, "\(Self.folder)/LockSites.c", "-I\(Self.folder)/include"])
    let text = try tidelock(["inspect", second]).output
    #expect(text.contains("warning: early runs before its sites are known"))
  }

  @Test func looksForTheCoreInWhatTheFileNeeds() throws {
    let alone = try warnings("", [])
    #expect(alone.count == 1 && alone[0].hasPrefix("It has no core of Tidelock"))

    // One that needs one that has it.
    let core = try fixture.compile(Self.core, to: "libcore.so", ["-shared"])
    let between = try fixture.compile(
      "", to: "libbetween.so", ["-shared", "-Wl,--no-as-needed", core, "-Wl,-rpath,$ORIGIN"])
    let needing = [
      "-Wl,--no-as-needed", "-L\(fixture.folder.path)", "-lbetween", "-Wl,-rpath,$ORIGIN",
    ]
    #expect(try warnings("", needing) == [])

    try FileManager.default.removeItem(atPath: between)
    let missing = try fixture.compile("", to: "libbetween.so", ["-shared"])
    #expect(try warnings("", needing).count == 1)
    let library = try fixture.compile(
      Self.unlocks, to: "lost.so",
      ["-shared", "-fPIC", "-I\(Self.folder)/include", "\(Self.folder)/LockSites.c"] + needing)
    try FileManager.default.removeItem(atPath: missing)
    let text = try tidelock(["inspect", library]).output
    #expect(text.contains("not found, so not looked into: libbetween.so"))
  }

  @Test func tellsFoldedFunctions() throws {
    let folded = try warnings(
      Self.core, ["-fuse-ld=lld", "-ffunction-sections", "-Wl,--icf=all"])
    #expect(folded.count == 1)
    #expect(folded.first?.hasPrefix("1 entry of its table names a site that another") == true)
  }
}
