//! The real tools that the tests of real clients drive: installs what is missing, or says so.

use crate::shell::{self, Outcome};
use std::path::PathBuf;
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
const PYTHON: &[&str] = &["pymodbus==3.16.1", "typos==1.52.0"];

/// Installs everything that is missing.
pub fn run() -> Outcome {
    system_packages()?;
    python_packages()?;
    Ok("peers: nmap, mbpoll, tshark, libmodbus and pymodbus are there".into())
}

/// Folder of the Python packages.
pub fn venv() -> PathBuf {
    shell::root().join("tests/venv")
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

fn python_packages() -> Result<(), String> {
    let folder = venv();
    let stamp = folder.join("installed.txt");
    let wanted = PYTHON.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    let cannot = |why: String| {
        format!(
            "The tests of real clients need the Python packages {}, and they could not be installed: {why}.",
            PYTHON.join(" ")
        )
    };
    let place = folder.to_string_lossy().into_owned();
    shell::run(&mut shell::program("python3", &["-m", "venv", &place])).map_err(cannot)?;
    let pip = folder.join("bin/pip");
    let arguments = [
        &["install", "-q", "--disable-pip-version-check"][..],
        PYTHON,
    ]
    .concat();
    shell::run(&mut shell::program(pip, &arguments)).map_err(cannot)?;
    std::fs::write(&stamp, wanted).map_err(|e| cannot(e.to_string()))
}
