import CompiledFixtures
import Foundation
import GuestSiteTable
import Testing

/// `tidelock guest sites`, run as a user runs it.
@Suite struct GuestSitesTests {
  let fixture: CompiledFixture
  let image: String

  init() throws {
    fixture = try CompiledFixture()
    let vmlinux = try SyntheticKernel(.separate).link(in: fixture)
    image = try fixture.write(SyntheticBootImage.pack(vmlinux, .xz), to: "vmlinuz")
  }

  struct Report: Decodable {
    let release: String
    let buildID: String
    let discarded: Int
    let operations: [String: Int]
    let sites: [Site]

    struct Site: Decodable {
      let symbol: String?
      let offset: Int
      let operation: String
      let length: Int
    }
  }

  @Test func printsTheSitesAndWritesTheTable() throws {
    let path = fixture.path("sites.table")
    let result = try tidelock(["guest", "sites", image, "--json", "--table", path])
    #expect(result.status == 0)
    #expect(result.errors.isEmpty)
    let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
    #expect(report.release == SyntheticKernel.release)
    #expect(report.buildID == SyntheticKernel.buildID)
    #expect(report.discarded == 1)
    #expect(
      report.operations == [
        "slow-path": 1, "unlock": 1, "wait": 1, "kick": 1, "vcpu-is-preempted": 2,
      ])
    #expect(report.sites.map(\.symbol) == ["unlock", "lock", "halt", "wake", "spin", "spin"])

    let table = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(try unsafe GuestSiteTable.check(table.span.bytes) == report.sites.count)
    let span = table.span
    let offsets = report.sites.indices.compactMap {
      unsafe GuestSiteTable.entry($0, in: span.bytes)?.offset
    }
    #expect(offsets.map(Int.init) == report.sites.map(\.offset))

    let text = try tidelock(["guest", "sites", image])
    #expect(text.output.contains("6 sites: 1 slow-path"))
  }

  @Test func listsSeveralImagesAndFailsIfOneCannotBeSwitched() throws {
    let both = try tidelock(["guest", "sites", image, image])
    #expect(both.status == 0)
    let lines = both.output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.allSatisfy { $0.hasPrefix("\(SyntheticKernel.release): 6 sites: 1 slow-path") })

    let notKernel = try fixture.write(Array("text".utf8), to: "text")
    let mixed = try tidelock(["guest", "sites", notKernel, image])
    #expect(mixed.status == 1)
    let words = mixed.output
    #expect(words.contains("neither a boot image") && words.contains("6 sites"))
    #expect(try tidelock(["guest", "sites", image, image, "--json"]).status == 2)
  }

  @Test func namesThePackageOfAMissingTool() throws {
    let result = try tidelock(
      ["guest", "sites", image], environment: ["PATH": fixture.path("")])
    #expect(result.status == 1)
    #expect(
      result.errors.contains("xz is needed") && result.errors.contains("apt-get install xz-utils"))
  }

  @Test func leavesNoTableBehindWhenItFails() throws {
    let path = fixture.path("none.table")
    let notKernel = try fixture.write(Array("text".utf8), to: "text")
    let result = try tidelock(["guest", "sites", notKernel, "--table", path])
    #expect(result.status == 1)
    #expect(result.errors.contains("is neither a boot image"))
    #expect(!FileManager.default.fileExists(atPath: path))

    let unwritable = fixture.path("no-such-folder/table")
    let refused = try tidelock(["guest", "sites", image, "--table", unwritable])
    #expect(refused.status == 1)
    #expect(refused.errors.contains(unwritable))
    #expect(refused.output.isEmpty)
  }
}
