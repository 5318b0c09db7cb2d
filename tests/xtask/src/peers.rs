//! The real tools that the tests of real clients drive: installs what is missing, or says so.

use crate::shell::{self, Outcome};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program, and the package of the system that brings it.
const PROGRAMS: &[(&str, &str)] = &[
    ("nmap", "nmap"),
    ("mbpoll", "mbpoll"),
    ("tshark", "tshark"),
    ("python3", "python3-venv"),
    ("cc", "gcc"),
    ("c++", "g++"),
    ("pkg-config", "pkg-config"),
];
/// Where the header of libmodbus lies once it is installed, and its package.
const LIBMODBUS: (&str, &str) = ("/usr/include/modbus/modbus.h", "libmodbus-dev");
/// Python packages, pinned, that go into a folder of the project.
const PYTHON: &[&str] = &[
    "pymodbus==3.16.1",
    "python-snap7==3.3.0",
    "pytest==9.2.0",
    "pytest-bdd==9.0.1",
    "typos==1.52.0",
];
/// The wheel that brings the C library of snap7, in a folder of its own: it bears the same name as its successor.
const PYTHON_SNAP7_C: &[&str] = &["python-snap7==2.1.0"];
/// The source of a package, for the tests that lie in it.
const SOURCE: &str = "python-snap7==3.3.0";

/// Installs everything that is missing.
pub fn run() -> Outcome {
    system_packages()?;
    python_packages(&venv(), PYTHON)?;
    python_packages(&snap7_venv(), PYTHON_SNAP7_C)?;
    python_source()?;
    Ok("peers: nmap, mbpoll, tshark, libmodbus, pymodbus, snap7 and python-snap7 are there".into())
}

/// Folder of the Python packages.
pub fn venv() -> PathBuf {
    shell::root().join("tests/venv")
}

/// Folder of the Python package with the C library of snap7.
pub fn snap7_venv() -> PathBuf {
    venv().join("snap7")
}

/// Returns the packages that are missing.
fn missing() -> Vec<&'static str> {
    let mut packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !shell::is_installed(program))
        .map(|(_, package)| *package)
        .collect();
    if !std::path::Path::new(LIBMODBUS.0).exists() {
        packages.push(LIBMODBUS.1);
    }
    packages
}

fn system_packages() -> Result<(), String> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    let cannot = |why: &str| {
        format!(
            "The tests of real clients need the system packages {}, and they could not be installed: {why}; \
             install them, or leave these tests out with `--no-real-clients`.",
            packages.join(" ")
        )
    };
    if !shell::is_installed("apt-get") {
        return Err(cannot("this system has no apt-get"));
    }
    let prefix: &[&str] = match privilege() {
        Privilege::Root => &[],
        Privilege::Sudo => &["sudo", "-n"],
        Privilege::None => return Err(cannot("neither root nor sudo without a password")),
    };
    let apt = |arguments: &[&str]| {
        let words: Vec<&str> = [
            prefix,
            &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"],
            &["-o", "DPkg::Lock::Timeout=300", "-q", "-y"],
            arguments,
        ]
        .concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        shell::run(&mut command)
    };
    apt(&["update"]).map_err(|e| cannot(&e))?;
    let install = [&["install", "--no-install-recommends"][..], &packages].concat();
    apt(&install).map_err(|e| cannot(&e))?;
    let left = missing();
    if left.is_empty() {
        Ok(())
    } else {
        Err(cannot(&format!("{} did not arrive", left.join(" "))))
    }
}

enum Privilege {
    Root,
    Sudo,
    None,
}

fn privilege() -> Privilege {
    let answers = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|o| o.status.success())
    };
    let is_root =
        answers("id", &["-u"]).is_some_and(|o| String::from_utf8_lossy(&o.stdout).trim() == "0");
    if is_root {
        Privilege::Root
    } else if answers("sudo", &["-n", "true"]).is_some() {
        Privilege::Sudo
    } else {
        Privilege::None
    }
}

fn python_packages(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let stamp = folder.join("installed.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    let place = folder.to_string_lossy().into_owned();
    let cannot = cannot_have(packages);
    shell::run(&mut shell::program("python3", &["-m", "venv", &place])).map_err(&cannot)?;
    let arguments = [&["install", "-q", "--disable-pip-version-check"], packages].concat();
    shell::run(&mut shell::program(folder.join("bin/pip"), &arguments)).map_err(&cannot)?;
    std::fs::write(&stamp, wanted).map_err(|e| cannot(e.to_string()))
}

/// Unpacks the source of a package beside the packages.
fn python_source() -> Result<(), String> {
    let folder = venv().join("source");
    let (name, version) = SOURCE.split_once("==").unwrap_or((SOURCE, ""));
    let archive = format!("{}-{version}", name.replace('-', "_"));
    if folder.join(&archive).join("tests").is_dir() {
        return Ok(());
    }
    let place = folder.to_string_lossy().into_owned();
    let cannot = cannot_have(&[SOURCE]);
    let download = ["download", "-q", "--disable-pip-version-check", "--no-deps"];
    let from_source = ["--no-binary", name, "--dest", &place, SOURCE];
    let arguments = [&download[..], &from_source].concat();
    shell::run(&mut shell::program(venv().join("bin/pip"), &arguments)).map_err(&cannot)?;
    let archive = folder.join(format!("{archive}.tar.gz"));
    let arguments = ["-m", "tarfile", "-e", &archive.to_string_lossy(), &place];
    shell::run(&mut shell::program(venv().join("bin/python"), &arguments)).map_err(&cannot)
}

/// Puts into words that Python packages could not be had.
fn cannot_have(packages: &[&str]) -> impl Fn(String) -> String {
    let packages = packages.join(" ");
    move |why| {
        format!(
            "The tests of real clients need the Python packages {packages}, and they could not be installed: {why}."
        )
    }
}
