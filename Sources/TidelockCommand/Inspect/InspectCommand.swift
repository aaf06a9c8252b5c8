import ArgumentParser
import ELFReader

/// `tidelock inspect FILE`: what could be patched in a program or shared library.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "List the patch sites of an ELF program or shared library.",
    discussion: """
      A patch site is the place of one inlined lock operation, whose bytes a switch rewrites. A site
      that is marked could not be patched while the program runs. Warnings name surprises that its
      users may meet: functions that the linker has folded, a core that no library brings, functions
      that run before the image is known.
      """
  )

  @Argument(help: "A program or shared library for x86-64 Linux.", completion: .file())
  var file: String

  @Flag(help: "Print one JSON object instead of a table.")
  var json = false

  func run() throws {
    let elf = try ELFFile(path: file)
    let sites = try ProgramSites(of: elf).sites
    let functions = try elf.functionSymbols()
    let report = SiteReport(
      file: elf.name, buildID: try elf.buildID(), sites: sites, functions: functions,
      warnings: try ImageWarnings(of: elf, sites: sites, functions: functions))
    print(json ? try report.json() : report.table())
  }
}
