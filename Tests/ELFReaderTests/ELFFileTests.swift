import CompiledFixtures
import ELFReader
import Testing

/// What the reader says about files whose content the test knows.
@Suite struct ELFFileTests {
  let fixture: CompiledFixture

  init() throws { fixture = try CompiledFixture() }

  func library(_ options: [String] = []) throws -> ELFFile {
    let source = """
      __attribute__((naked)) void marked(void) { __asm__("ud2; .byte 0x11, 0x22, 0x33; ret"); }
      static __attribute__((naked, used)) void local(void) { __asm__("nop; nop; nop; ret"); }
      const char text[] = "found by address";
      """
    return try ELFFile(
      path: fixture.compile(
        source, to: "lib.so", ["-shared", "-fPIC", "-Wl,--build-id=0x0badcafe00ff"] + options))
  }

  @Test func readsWhatTheCompilerWrote() throws {
    let file = try library()
    #expect(file.kind == .shared)
    #expect(try file.buildID() == [0x0b, 0xad, 0xca, 0xfe, 0x00, 0xff])
    let text = try #require(file.section(named: ".text"))
    #expect(text.isExecutable && text.isLoaded && text.occupiesFile)
    #expect(file.section(named: ".tex") == nil)
    #expect(file.segment(containing: text.address, count: 1)?.isExecutable == true)

    let marked = try #require(try file.functionSymbols().all.first { $0.name == "marked" })
    #expect(file.section(containing: marked.address) == text)
    #expect(
      try Array(file.bytes(atVirtualAddress: marked.address, count: 6))
        == [0x0f, 0x0b, 0x11, 0x22, 0x33, 0xc3])
    // The same bytes by way of the section.
    let start = Int(marked.address - text.address)
    #expect(try Array(file.contents(of: text).dropFirst(start).prefix(2)) == [0x0f, 0x0b])
  }

  @Test func namesTheFunctionAroundAnAddress() throws {
    let functions = try library().functionSymbols()
    let marked = try #require(functions.all.first { $0.name == "marked" })
    let local = try #require(functions.all.first { $0.name == "local" })
    #expect(functions.containing(marked.address + 5) == marked)
    #expect(functions.containing(local.address + 3)?.name == "local")
    #expect(functions.containing(0) == nil)
    #expect(functions.containing(.max) == nil)
    // The gap that aligns the next function belongs to nobody.
    #expect(functions.containing(min(marked.address, local.address) + 9) == nil)
  }

  @Test func findsExportedFunctionsOfAStrippedLibrary() throws {
    let names = try library(["-s"]).functionSymbols().all.map(\.name)
    #expect(names.contains("marked"))
    #expect(!names.contains("local"))
  }

  @Test func refusesAddressesOutsideTheFile() throws {
    let file = try library()
    let text = try #require(file.section(named: ".text"))
    for (address, count) in [
      (UInt64.max, 5), (UInt64.max - 2, 5), (text.address, Int.max), (text.address, -1),
      (1 << 40, 1),
    ] {
      #expect(throws: ELFError.self) {
        try file.bytes(atVirtualAddress: address, count: count)
      }
    }
  }

  @Test func readsTheSystemsOwnPrograms() throws {
    let file = try ELFFile(path: "/proc/self/exe")
    for section in file.sections { _ = try file.contents(of: section) }
    #expect(try file.functionSymbols().all.count > 0)
    #expect(try file.functionSymbols().all.isSorted)
  }

  @Test func saysWhyAFileCannotBeRead() throws {
    let object32 = try fixture.compile("int x;", to: "x32.o", ["-m32", "-c"])
    let objectARM = try fixture.compile(
      "int x;", to: "arm.o", ["--target=aarch64-linux-gnu", "-c"])
    let empty = try fixture.write([], to: "empty")
    let short = try fixture.write([0x7f, 0x45, 0x4c, 0x46, 2, 1], to: "short")
    let sentences = [
      "/none": "Cannot read /none: No such file or directory.",
      "/dev/zero": "Cannot read /dev/zero: it is not a regular file.",
      "/": "Cannot read /: it is not a regular file.",
      empty: "\(empty) is not an ELF file; name a program or a shared library.",
      short:
        "\(short) is truncated: its header would lie beyond the end of the file, at 6 bytes.",
      object32: "\(object32) is a 32-bit ELF file; only 64-bit x86-64 ELF files can be read.",
      objectARM:
        "\(objectARM) is an ELF file for machine number 183; only 64-bit x86-64 ELF files can be read.",
    ]
    for (path, sentence) in sentences {
      let error = #expect(throws: ELFError.self) { try ELFFile(path: path) }
      #expect(error?.description == sentence)
    }
  }
}

extension [FunctionSymbol] {
  fileprivate var isSorted: Bool {
    zip(self, dropFirst()).allSatisfy { $0.address <= $1.address }
  }
}
