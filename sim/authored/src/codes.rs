//! The register of everything that can be wrong with what an author wrote.

/// A kind of problem: its code, its title and what an author should know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// `E` and four digits for an error, `W` and four digits for a warning.
    pub code: &'static str,
    /// A short title, in lower case, without a full stop.
    pub title: &'static str,
    /// Why this is a problem and how it is put right, in sentences.
    pub explanation: &'static str,
}

macro_rules! problem_kinds {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal;)*) => {
        /// The codes by name.
        pub mod code {
            $(#[doc = concat!("`", $code, "`: ", $title, ".")]
            pub const $name: &str = $code;)*
        }

        /// All kinds of problems, sorted by code.
        pub static PROBLEMS: &[ProblemKind] = &[
            $(ProblemKind { code: $code, title: $title, explanation: $explanation },)*
        ];
    };
}

problem_kinds! {
    FILE_TOO_LARGE = "E0101", "file too large",
        "Each file of a folder has a size limit, so that no upload can exhaust memory.";
    FOLDER_TOO_LARGE = "E0102", "folder too large",
        "All files of a folder together have a size limit.";
    TOO_MANY_FILES = "E0103", "too many files",
        "A folder holds a limited number of files.";
    EMPTY_FILE = "E0104", "empty file",
        "A file with nothing but white space is almost always a copy that went wrong.";
    BAD_UTF8 = "E0105", "not UTF-8 text",
        "All files that authors write are UTF-8 without a byte order mark.";
    PATH_ESCAPES = "E0106", "path leaves the folder",
        "A path is relative to its folder, uses forward slashes, and has no `..`, no drive and no leading slash.";
    MISSING_FILE = "E0107", "missing file",
        "A file that is named does not exist in the folder.";
    SYNTAX = "E0110", "syntax error",
        "The file is not valid RON. The place is where the reader gave up; the cause may stand just before it.";
    NESTING = "E0111", "nested too deeply",
        "Brackets may be nested only so deep, so that no file can exhaust the stack.";
    ATTRIBUTE = "E0112", "attribute not allowed",
        "The extensions of RON in use are fixed by the schema (only `implicit_some`), so a file cannot switch others on.";
    UNKNOWN_FIELD = "E0113", "unknown field",
        "A field that the schema does not have would be ignored in silence, so it is refused.";
    MISSING_FIELD = "E0114", "missing field",
        "A field that has no default must be written.";
    DUPLICATE_FIELD = "E0115", "field written twice",
        "Each field is written at most once.";
    UNKNOWN_VARIANT = "E0116", "unknown variant",
        "This word is not one of the choices here.";
    WRONG_TYPE = "E0117", "wrong type",
        "The value has another type than its field: a string for a number, a map for a list, and the like.";
    NOT_FINITE = "E0118", "not a finite number",
        "NaN and infinities have no place in a simulation. A number too large for 64 bits reads as infinite.";
    INTEGER_RANGE = "E0119", "number outside its type",
        "The integer does not fit in the type of its field.";
    LIST_TOO_LONG = "E0120", "list too long",
        "Lists and maps have a length limit.";
    SCHEMA_VERSION = "E0121", "unknown schema version",
        "The file says for which version of the schema it was written, and this program does not know that version.";
    DUPLICATE_NAME = "E0201", "name used twice",
        "Names in one list must differ, because other parts refer to them.";
    UNKNOWN_NAME = "E0202", "unknown name",
        "A reference names something that is not defined.";
    BAD_NAME = "E0203", "malformed name",
        "Names have 1 to 64 characters, start with a letter or digit and go on with letters, digits, `-`, `_` and `.`.";
    UNKNOWN_PLANT = "E0204", "unknown kind of plant",
        "`trippoint list plants` shows the kinds of plants there are.";
    UNKNOWN_PARAMETER = "E0205", "unknown parameter",
        "A kind of plant takes only the parameters that it declares.";
    UNKNOWN_INITIAL_STATE = "E0206", "unknown initial state",
        "A kind of plant declares the states in which it can start.";
    UNKNOWN_SIGNAL = "E0207", "unknown signal",
        "A signal is written `plant/signal`. Controllers read measurements and command actuators; gauges, samples and the key signal are truths.";
    UNKNOWN_CAST = "E0208", "unknown cast",
        "The default cast must be one of the casts.";
    UNKNOWN_TECHNIQUE = "E0209", "unknown ATT&CK technique",
        "Techniques are named by their id in MITRE ATT&CK for ICS, such as `T0836` or `T1692.001`.";
    UNDEFINED_TAG = "E0210", "undefined tag",
        "Stations, alarms, detections, checks and scripts name tags that `tags` defines.";
    UNKNOWN_BASE = "E0211", "unknown base scenario",
        "A variant names, in `variant_of`, the folder of a whole scenario that lies beside its own.";
    OUT_OF_RANGE = "E0301", "value out of range",
        "The value lies outside what its quantity allows, in the unit that the field's name ends in.";
    WRONG_UNIT = "E0302", "wrong unit or scale",
        "A tag shows what a transmitter measures, so it has that signal's unit, and the counts a unit with which the value was put into the register.";
    TIME_ORDER = "E0303", "times in the wrong order",
        "One time must come before another.";
    BAD_INSTANT = "E0304", "malformed instant",
        "Instants are written as RFC 3339 says, such as `2026-03-12T13:10:00Z`, from 1970 to 2199.";
    CANNOT_VARY = "E0305", "cannot be varied",
        "What `vary` draws must keep its meaning: rules name single hosts or whole zones, and an attack that starts later still has its window.";
    DUPLICATE_ADDRESS = "E0401", "address used twice",
        "Each host and each interface of a router has its own address.";
    OUTSIDE_SUBNET = "E0402", "address outside its subnet",
        "A host or interface has an address in the subnet of its zone, neither the first (the network) nor the last (broadcast).";
    UNREACHABLE = "E0403", "unreachable",
        "A station polls a controller that it cannot reach: no router joins their zones, or its rules refuse the read.";
    BAD_ADDRESS = "E0404", "malformed address",
        "Addresses are IPv4. A subnet is written `10.30.20.0/24`; a firewall rule also takes one address or `any`.";
    OVERLAPPING_SUBNETS = "E0405", "overlapping subnets",
        "Two zones share addresses, so a router could not tell them apart.";
    ST_COMPILE = "E0501", "program does not compile",
        "The Structured Text compiler refuses the program. The place is in the program's own file.";
    TWO_DRIVERS = "E0502", "two drivers of one output",
        "An actuator follows one output word or bit of one controller; with two, the last to write would win each scan.";
    INPUT_OVERLAP = "E0503", "input word used twice",
        "Two measurements go to the same input word of a controller.";
    MODBUS_OVERLAP = "E0504", "overlapping Modbus ranges",
        "Two ranges of one table show the same address.";
    NOT_MAPPED = "E0505", "register not mapped",
        "The controller's `modbus_map` does not show this address, so reading it would be answered with exception 02.";
    SAFETY_IO = "E0506", "safety bits",
        "A safety controller says which bits its key, buttons and lamps are; a control PLC has none.";
    NO_FOOTHOLD = "E0601", "no foothold",
        "An attacker acts from hosts on which its team has a foothold, and everybody only from its own hosts.";
    LITERAL_ANSWER = "E0602", "answer stands in the folder",
        "Whoever reads the folder has the answer. An objective is met by what happens in the match.";
    WRONG_SIDE = "E0603", "command of another side",
        "A script may only give commands that its role has.";
    UNKNOWN_STEP = "E0604", "unknown step",
        "A step waits for, or asks about, a step that its script does not have.";
    UNUSED_FILE = "W0901", "file not used",
        "A program or script is in the folder and nothing names it.";
    SAME_REGISTER = "W0902", "two tags for one register",
        "Two tags of one controller show the same register; usually one address is wrong.";
    FOLDER_NAME = "W0903", "id is not the folder's name",
        "Commands take a folder and reports show the id; one name for both spares everybody a search.";
}

/// Returns the kind with this code.
#[must_use]
pub fn kind_of(code: &str) -> Option<&'static ProblemKind> {
    PROBLEMS
        .binary_search_by(|kind| kind.code.cmp(code))
        .ok()
        .and_then(|index| PROBLEMS.get(index))
}

/// Writes the register as a page of Markdown for the documentation.
#[must_use]
pub fn problems_page() -> String {
    let mut page = String::from("# Problem codes\n");
    for kind in PROBLEMS {
        page.push_str("\n## ");
        page.push_str(kind.code);
        page.push_str(": ");
        page.push_str(kind.title);
        page.push_str("\n\n");
        page.push_str(kind.explanation);
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_well_formed_and_explained() {
        for pair in PROBLEMS.windows(2) {
            assert!(
                pair[0].code < pair[1].code,
                "{} comes too late",
                pair[1].code
            );
        }
        for kind in PROBLEMS {
            let (letter, digits) = kind.code.split_at(1);
            assert!(letter == "E" || letter == "W", "{}", kind.code);
            assert!(
                digits.len() == 4 && digits.parse::<u16>().is_ok(),
                "{}",
                kind.code
            );
            assert!(!kind.title.ends_with('.') && !kind.title.is_empty());
            assert!(kind.explanation.ends_with('.'), "{}", kind.code);
            assert_eq!(kind_of(kind.code), Some(kind));
        }
        assert_eq!(kind_of("E9999"), None);
    }

    #[test]
    fn the_page_has_a_heading_for_each_code() {
        let page = problems_page();
        assert!(page.starts_with("# Problem codes\n\n## E0101: file too large\n\nEach file"));
        assert_eq!(page.matches("\n## ").count(), PROBLEMS.len());
    }
}
