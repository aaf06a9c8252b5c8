// swift-tools-version: 6.2
import PackageDescription

// Linked into the tests of a package that has changed its import (Scripts/check-adopters): switches the
// process's locks every 10 ms, if the environment asks for it.
let package = Package(
  name: "switcher",
  products: [.library(name: "Switcher", targets: ["SwitchEveryTenMilliseconds", "SwitchStarter"])],
  dependencies: [.package(name: "tidelock", path: "../..")],
  targets: [
    .target(name: "SwitchStarter"),
    .target(
      name: "SwitchEveryTenMilliseconds",
      dependencies: ["SwitchStarter", .product(name: "Tidelock", package: "tidelock")]),
  ],
  swiftLanguageModes: [.v6]
)
