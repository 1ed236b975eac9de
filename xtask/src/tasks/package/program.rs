//! A program to package: its platform and its requirements, both read from the program's file.

use std::cmp::max;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use object::endian::Endianness;
use object::read::elf::ElfFile64;
use object::read::macho::{FatArch as _, MachOFatFile32, MachOFile64};
use object::{Architecture, FileKind, Object as _, elf};

/// The libraries that every system with glibc has, as PEP 600 lists them. A program that needs others cannot be in a
/// manylinux wheel.
const SYSTEM_LIBRARIES: &[&str] = &[
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];

/// The lowest version of glibc that installers of wheels look for.
const OLDEST_GLIBC: Version = Version(2, 17);

/// The lowest version of glibc that loads a program with packed relocations.
const PACKED_RELOCATIONS_GLIBC: Version = Version(2, 36);

/// A version of glibc or macOS: major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16);

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// A system, with the minimum version that the program requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramSystem {
    Linux { glibc: Version },
    MacOs { oldest: Version },
    Windows,
}

/// A processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    X86_64,
    Aarch64,
    /// Both processors, in one file, as macOS allows.
    Universal,
}

/// A program with its platform.
pub struct ProgramFile {
    pub content: Vec<u8>,
    pub system: ProgramSystem,
    pub processor: Processor,
}

impl ProgramFile {
    /// Reads a program.
    ///
    /// # Errors
    /// If the file cannot be read, or [`ProgramFile::parse`] fails.
    pub fn read(path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("cannot read the program {}", path.display()))?;
        Self::parse(content).with_context(|| format!("cannot package {}", path.display()))
    }

    /// Finds out the platform of a program.
    ///
    /// # Errors
    /// If the bytes are no 64-bit program for Linux, macOS or Windows on x86-64 or ARM64, its requirements cannot be
    /// read, or it is for Linux and is linked statically or needs libraries that the system may not have.
    pub fn parse(content: Vec<u8>) -> Result<Self> {
        let (system, processor) = detect_platform(&content)?;
        Ok(Self { content, system, processor })
    }

    pub fn is_windows(&self) -> bool {
        self.system == ProgramSystem::Windows
    }

    /// Returns the name of the program's file.
    pub fn file_name(&self) -> &'static str {
        if self.is_windows() { "codescry.exe" } else { "codescry" }
    }

    /// Returns whether this machine is of the program's platform.
    pub fn runs_here(&self) -> bool {
        let system = match self.system {
            ProgramSystem::Linux { .. } => "linux",
            ProgramSystem::MacOs { .. } => "macos",
            ProgramSystem::Windows => "windows",
        };
        let has_processor = self.processor == Processor::Universal || std::env::consts::ARCH == self.processor_name();
        std::env::consts::OS == system && has_processor
    }

    /// Returns the platform as Rust names it.
    pub fn target(&self) -> String {
        let system = match self.system {
            ProgramSystem::Linux { .. } => "unknown-linux-gnu",
            ProgramSystem::MacOs { .. } => "apple-darwin",
            ProgramSystem::Windows => "pc-windows-msvc",
        };
        format!("{}-{system}", self.processor_name())
    }

    /// Returns the processor as Rust and Linux name it.
    pub fn processor_name(&self) -> &'static str {
        match self.processor {
            Processor::X86_64 => "x86_64",
            Processor::Aarch64 => "aarch64",
            Processor::Universal => "universal",
        }
    }

    /// Returns system and processor as Node names them, in this order.
    pub fn node_platform(&self) -> (&'static str, &'static str) {
        let processor = match self.processor {
            Processor::X86_64 => "x64",
            Processor::Aarch64 => "arm64",
            Processor::Universal => "universal",
        };
        (self.node_system(), processor)
    }

    /// Returns the system as Node and MCP bundles name it.
    pub fn node_system(&self) -> &'static str {
        match self.system {
            ProgramSystem::Linux { .. } => "linux",
            ProgramSystem::MacOs { .. } => "darwin",
            ProgramSystem::Windows => "win32",
        }
    }

    /// Returns the platform as wheels name it.
    pub fn wheel_platform(&self) -> String {
        match (self.system, self.processor) {
            (ProgramSystem::Linux { glibc: Version(major, minor) }, _) => {
                format!("manylinux_{major}_{minor}_{}", self.processor_name())
            }
            (ProgramSystem::MacOs { oldest: Version(major, minor) }, processor) => {
                // Since version 11, only major versions count.
                let minor = if major >= 11 { 0 } else { minor };
                let processor = match processor {
                    Processor::X86_64 => "x86_64",
                    Processor::Aarch64 => "arm64",
                    Processor::Universal => "universal2",
                };
                format!("macosx_{major}_{minor}_{processor}")
            }
            (ProgramSystem::Windows, Processor::Aarch64) => "win_arm64".to_owned(),
            (ProgramSystem::Windows, _) => "win_amd64".to_owned(),
        }
    }
}

fn detect_platform(content: &[u8]) -> Result<(ProgramSystem, Processor)> {
    let kind = FileKind::parse(content).context("it is no program")?;
    if kind == FileKind::MachOFat32 {
        return Ok((ProgramSystem::MacOs { oldest: read_universal(content)? }, Processor::Universal));
    }
    let file = object::File::parse(content).context("it is no program")?;
    let processor = match file.architecture() {
        Architecture::X86_64 => Processor::X86_64,
        Architecture::Aarch64 => Processor::Aarch64,
        other => bail!("there are no packages for the processor {other:?}"),
    };
    let system = match kind {
        FileKind::Elf64 => ProgramSystem::Linux { glibc: read_needed_glibc(content)? },
        FileKind::MachO64 => ProgramSystem::MacOs { oldest: read_oldest_macos(content)? },
        FileKind::Pe64 => ProgramSystem::Windows,
        other => bail!("there are no packages for files of the kind {other:?}"),
    };
    Ok((system, processor))
}

/// Returns the lowest version of glibc, not below [`OLDEST_GLIBC`], that has all symbols which the program requires.
fn read_needed_glibc(content: &[u8]) -> Result<Version> {
    let file: ElfFile64<'_, Endianness> = ElfFile64::parse(content)?;
    let (sections, endian) = (file.elf_section_table(), file.endian());
    let (entries, strings) =
        sections.dynamic(endian, content)?.context("it is linked statically: it needs no glibc")?;
    let strings = sections.strings(endian, content, strings)?;
    for entry in entries.iter().filter(|entry| entry.d_tag.get(endian) == elf::DT_NEEDED) {
        let offset = u32::try_from(entry.d_val.get(endian)).context("the name of a library is out of range")?;
        let name = strings.get(offset).ok().context("the name of a library is out of range")?;
        let name = String::from_utf8_lossy(name);
        ensure!(SYSTEM_LIBRARIES.contains(&&*name), "it needs {name}, which not every system has: link it statically");
    }
    let (mut libraries, strings) =
        sections.gnu_verneed(endian, content)?.context("it needs no versions of glibc's symbols")?;
    let strings = sections.strings(endian, content, strings)?;
    let mut needed = OLDEST_GLIBC;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = String::from_utf8_lossy(version.name(endian, strings)?);
            if let Some(version) = name.strip_prefix("GLIBC_") {
                needed = max(needed, parse_glibc_version(version)?);
            }
        }
    }
    Ok(needed)
}

/// Parses the version of a symbol, such as `2.2.5`.
fn parse_glibc_version(text: &str) -> Result<Version> {
    if text == "ABI_DT_RELR" {
        return Ok(PACKED_RELOCATIONS_GLIBC);
    }
    let mut parts = text.split('.').map(str::parse::<u16>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok(Version(major, minor)),
        // GLIBC_PRIVATE is no release.
        _ => bail!("it needs GLIBC_{text}, which belongs to no release of glibc"),
    }
}

/// Returns the minimum version of macOS on which all programs in a universal file run.
fn read_universal(content: &[u8]) -> Result<Version> {
    let file = MachOFatFile32::parse(content)?;
    let mut oldest = None;
    for part in file.arches() {
        oldest = max(oldest, Some(read_oldest_macos(part.data(content)?)?));
    }
    oldest.context("the universal file has no program in it")
}

/// Returns the minimum version of macOS for which the program was built.
fn read_oldest_macos(content: &[u8]) -> Result<Version> {
    let file: MachOFile64<'_, Endianness> = MachOFile64::parse(content)?;
    let endian = file.endian();
    let mut commands = file.macho_load_commands()?;
    while let Some(command) = commands.next()? {
        if let Some((build, _)) = command.build_version(endian)? {
            let version = build.minos.get(endian).0;
            return Ok(Version((version >> 16) as u16, (version >> 8 & 0xff) as u16));
        }
    }
    bail!("it does not say which macOS it needs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(system: ProgramSystem, processor: Processor) -> ProgramFile {
        ProgramFile { content: Vec::new(), system, processor }
    }

    #[test]
    fn platforms_have_the_names_of_each_package_manager() {
        let linux = ProgramSystem::Linux { glibc: Version(2, 28) };
        let macos = ProgramSystem::MacOs { oldest: Version(11, 3) };
        let old = ProgramSystem::MacOs { oldest: Version(10, 12) };
        let cases = [
            (linux, Processor::X86_64, "x86_64-unknown-linux-gnu", "linux-x64", "manylinux_2_28_x86_64"),
            (linux, Processor::Aarch64, "aarch64-unknown-linux-gnu", "linux-arm64", "manylinux_2_28_aarch64"),
            (macos, Processor::Aarch64, "aarch64-apple-darwin", "darwin-arm64", "macosx_11_0_arm64"),
            (old, Processor::X86_64, "x86_64-apple-darwin", "darwin-x64", "macosx_10_12_x86_64"),
            (macos, Processor::Universal, "universal-apple-darwin", "darwin-universal", "macosx_11_0_universal2"),
            (ProgramSystem::Windows, Processor::X86_64, "x86_64-pc-windows-msvc", "win32-x64", "win_amd64"),
            (ProgramSystem::Windows, Processor::Aarch64, "aarch64-pc-windows-msvc", "win32-arm64", "win_arm64"),
        ];
        for (system, processor, target, node, wheel) in cases {
            let program = program(system, processor);
            let (node_system, node_processor) = program.node_platform();
            assert_eq!(program.target(), target);
            assert_eq!(format!("{node_system}-{node_processor}"), node);
            assert_eq!(program.wheel_platform(), wheel);
        }
    }

    #[test]
    fn versions_of_symbols_are_numbers() {
        assert_eq!(parse_glibc_version("ABI_DT_RELR").expect("a version"), Version(2, 36));
        assert_eq!(parse_glibc_version("2.2.5").expect("a version"), Version(2, 2));
        assert!(parse_glibc_version("2.9").expect("a version") < parse_glibc_version("2.28").expect("a version"));
        for wrong in ["PRIVATE", "2", "", "2.x"] {
            assert!(parse_glibc_version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_files_are_no_programs() {
        for wrong in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", b"MZ"] {
            assert!(ProgramFile::parse(wrong.to_vec()).is_err(), "{wrong:?}");
        }
    }

    /// Returns the smallest Mach-O file that states its minimum version of macOS.
    fn mach_o(processor: u32, version: u32) -> Vec<u8> {
        let header = [0xfeed_facf, processor, 0, 2, 1, 24, 0, 0];
        let build_version = [0x32, 24, 1, version, version, 0];
        header.iter().chain(&build_version).flat_map(|field: &u32| field.to_le_bytes()).collect()
    }

    #[test]
    fn programs_for_macos_say_which_one_they_need() {
        let arm = mach_o(0x0100_000c, 11 << 16 | 3 << 8);
        let intel = mach_o(0x0100_0007, 10 << 16 | 12 << 8);
        let program = ProgramFile::parse(arm.clone()).expect("it is a program");
        assert_eq!(
            (program.target().as_str(), program.wheel_platform().as_str()),
            ("aarch64-apple-darwin", "macosx_11_0_arm64")
        );
        let program = ProgramFile::parse(intel.clone()).expect("it is a program");
        assert_eq!(program.wheel_platform(), "macosx_10_12_x86_64");
        // A universal file lists its programs with big-endian numbers: processor, offset, length and alignment.
        let length = u32::try_from(arm.len()).expect("it is small");
        let list = [0xcafe_babe, 2, 0x0100_0007, 3, 48, length, 0, 0x0100_000c, 0, 48 + length, length, 0];
        let list = list.iter().flat_map(|field: &u32| field.to_be_bytes()).collect::<Vec<u8>>();
        let program = ProgramFile::parse([list, intel, arm].concat()).expect("it is a universal program");
        assert_eq!((program.node_system(), program.processor_name()), ("darwin", "universal"));
        assert_eq!(program.wheel_platform(), "macosx_11_0_universal2");
    }

    /// The file of this test is itself a program of this platform.
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    fn the_platform_of_a_program_is_read_from_its_file() {
        let path = std::env::current_exe().expect("the test has a file");
        let program = ProgramFile::read(&path).expect("it is a program");
        assert!(program.runs_here() && !program.is_windows());
        let ProgramSystem::Linux { glibc } = program.system else { panic!("{:?}", program.system) };
        // The standard library needs at least 2.17, and this test's own machine has what the test needs.
        assert!(glibc >= OLDEST_GLIBC && glibc < Version(3, 0), "{glibc}");
        let needs = |version: Version| {
            let name = format!("GLIBC_{version}\0");
            program.content.windows(name.len()).any(|window| window == name.as_bytes())
        };
        assert!(needs(glibc), "{glibc}");
        assert!(!(glibc.1 + 1..100).any(|minor| needs(Version(2, minor))), "{glibc}");
        let cut = program.content[..program.content.len() / 2].to_vec();
        assert!(ProgramFile::parse(cut).is_err());
    }
}
