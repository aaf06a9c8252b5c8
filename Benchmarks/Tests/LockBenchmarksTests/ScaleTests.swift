import Foundation
import Testing

@testable import LockBenchmarks

extension SwitchingTests {
  @Suite struct ScaleTests {
    @Test
    func `a switch pokes the sites of every library that is loaded, and no others afterwards`()
      throws
    {
      let libraries = try SiteLibraries()
      func sites(_ paths: [String]) throws -> Double {
        let loaded = try LoadedLibraries(paths)
        defer { withExtendedLifetime(loaded) {} }
        return try #require(try Scale.switches(count: 4)[.sites])
      }
      let own = try sites([])
      // A function of its own for every thousand.
      let one = try libraries.compile(sites: 1003)
      #expect(try sites([one]) == own + 1003)
      let small = try libraries.compile(sites: 3)
      #expect(try sites(try libraries.copies(of: small, 5)) == own + 15)
      #expect(try sites([]) == own)
    }

    @Test func `sizes come from the header`() throws {
      let libraries = try SiteLibraries()
      let loaded = try LoadedLibraries([try libraries.compile(sites: 1)])
      #expect(try loaded.number("bench_site_size") == 16)
      #expect(try loaded.number("bench_thread_size") == 512)
      #expect(throws: SiteLibraryError.self) { try loaded.number("bench_nothing") }
    }

    @Test func `the folder goes with the libraries`() throws {
      let path: String
      do {
        let libraries = try SiteLibraries()
        path = try libraries.compile(sites: 1)
        #expect(FileManager.default.fileExists(atPath: path))
      }
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }
}
