import CompiledFixtures
import Foundation
import Testing

/// `tidelock inspect`, run as a user runs it, on a library whose sites the test knows.
@Suite struct InspectTests {
  let fixture: CompiledFixture

  init() throws { fixture = try CompiledFixture() }

  /// A site of the default shape, with its table entry and its stub.
  static let macros = """
    #define ENTRY(operation) \\
      ".pushsection .text.stubs,\\"ax\\",@progbits\\n3: jmp 2b\\n.popsection\\n" \\
      ".pushsection tidelock_sites,\\"aR\\",@progbits\\n" \\
      "4: .long 1b-4b\\n5: .long 3b-5b\\n.short " operation "\\n.byte 5, 1\\n.long 0\\n.popsection\\n"
    #define SITE(name, before, bytes, operation) \\
      __attribute__((naked)) void name(void) { __asm__( \\
        ".p2align 3\\n" before "\\n1: " bytes "\\n2: ret\\n" ENTRY(operation)); }
    """

  func compile(_ sites: String) throws -> String {
    try fixture.compile(
      Self.macros + "\n" + sites, to: "sites.so", ["-shared", "-fPIC", "-Wl,--build-id=0xabcd"])
  }

  struct Report: Decodable {
    let file: String
    let buildID: String?
    let sites: [Site]

    struct Site: Decodable {
      let symbol: String?
      let offset: Int?
      let address: String
      let operation: String
      let bytes: String
      let form: String
      let problems: [String]
    }
  }

  @Test func listsEverySiteWithItsForm() throws {
    let library = try compile(
      """
      SITE(native, "", ".byte 0x40,0xc6,0x47,0,0", "1")
      SITE(paravirtual, "nop", ".byte 0xe9; .long 3f-2f", "1")
      SITE(astray, "", ".byte 0xe9; .long 3f-2f+1", "1")
      SITE(trapped, "", ".byte 0xcc,0xc6,0x47,0,0", "1")
      SITE(strange, "", ".byte 0x90,0xc6,0x47,0,0", "1")
      SITE($s4main4workyyF, "nop; nop; nop; nop", ".byte 0x40,0xc6,0x47,0,0", "1")
      """)
    let result = try tidelock(["inspect", "--json", library])
    #expect(result.status == 0)
    let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    #expect(report.file == library)
    #expect(report.buildID == "abcd")
    let bySymbol = Dictionary(uniqueKeysWithValues: report.sites.map { ($0.symbol ?? "", $0) })
    #expect(
      bySymbol.mapValues(\.form) == [
        "native": "native", "paravirtual": "paravirtual", "astray": "unknown",
        "trapped": "breakpoint", "strange": "unknown", "main.work() -> ()": "native",
      ])
    #expect(bySymbol["native"]?.bytes == "40 c6 47 00 00")
    #expect(bySymbol["native"]?.operation == "unlock")
    #expect(bySymbol["paravirtual"]?.offset == 1)
    let crossing = report.sites.filter { !$0.problems.isEmpty }
    #expect(crossing.map(\.symbol) == ["main.work() -> ()"])
    #expect(crossing.first?.problems == ["crosses an aligned 8-byte word"])
  }

  @Test func flagsASiteOutsideCode() throws {
    let library = try compile(
      """
      __asm__(".data\\n.p2align 3\\n1: .byte 0x40,0xc6,0x47,0,0\\n2:\\n" ENTRY("1"));
      """)
    let result = try tidelock(["inspect", library])
    #expect(result.status == 0)
    let text = result.output
    #expect(text.contains("[not in an executable segment]"))
    #expect(text.contains("1 site: 1 native; 1 cannot be patched"))
    // Standard output is no terminal here, so that no colour may appear.
    #expect(!text.contains("\u{1b}"))
  }

  @Test func refusesWithOneSentenceAndStatusOne() throws {
    let plain = try fixture.compile("int f(void) { return 1; }", to: "plain.so", ["-shared"])
    let object = try fixture.compile("int f(void) { return 1; }", to: "plain.o", ["-c"])
    let newer = try compile(
      #"__asm__(".pushsection tidelock_sites,\"aR\"\n.long 0,0\n.byte 1,0,5,9\n.long 0\n.popsection");"#
    )
    let cut = try fixture.compile(
      #"__asm__(".pushsection tidelock_sites,\"aR\"\n.long 0,0\n.byte 1\n.popsection");"#,
      to: "cut.so", ["-shared"])
    for (file, words) in [
      plain: "has no patch sites", object: "is not linked", newer: "has version 9",
      cut: "no multiple of 16", "/none": "No such file", "/etc/hostname": "is not an ELF file",
    ] {
      let result = try tidelock(["inspect", file])
      #expect(result.status == 1)
      #expect(result.output.isEmpty)
      #expect(result.errors.contains(words) && result.errors.contains(file))
      #expect(result.errors.filter { $0 == "\n" }.count == 1)
    }
  }

  @Test func helpEndsWithStatusZero() throws {
    #expect(try tidelock(["inspect", "--help"]).status == 0)
  }
}
