//! `include/libmsrp.h`: the documentation of the crate, the version macros, cbindgen's output and
//! the `LIBMSRP_<STRUCT>_INIT` macros.
//!
//! How the header looks is set in `bindings-c/cbindgen.toml`; what is in it, in `bindings-c/src`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes the header where it is committed, unless it is already what it should be.
pub(crate) fn write() -> Result<String, String> {
    let text = generate()?;
    let path = committed();
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(format!("{} is up to date", path.display()));
    }
    let folder = path.parent().ok_or("the header's path has no folder")?;
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!("{} written", path.display()))
}

/// Fails, naming the first line that differs, when the committed header is not what the sources
/// give.
pub(crate) fn check() -> Result<String, String> {
    let text = generate()?;
    let path = committed();
    let old = read(&path)?;
    if old == text {
        return Ok(format!("{} is up to date", path.display()));
    }
    let same = old
        .lines()
        .zip(text.lines())
        .take_while(|(old, new)| old == new)
        .count();
    Err(format!(
        "{}:{}: the committed header is not what bindings-c/src gives\n  committed: {}\n  generated: {}\nrun `make generate`",
        path.display(),
        same + 1,
        old.lines().nth(same).unwrap_or("(end of file)"),
        text.lines().nth(same).unwrap_or("(end of file)"),
    ))
}

fn generate() -> Result<String, String> {
    let library = repository().join("bindings-c");
    let mut config = cbindgen::Config::from_file(library.join("cbindgen.toml"))?;
    config.header = Some(opening(&read(&library.join("src").join("lib.rs"))?));
    let macros = config.after_includes.take().unwrap_or_default();
    config.after_includes = Some(version_macros(env!("CARGO_PKG_VERSION"))? + &macros);
    let bindings = cbindgen::Builder::new()
        .with_crate(&library)
        .with_config(config)
        .generate()
        .map_err(|error| format!("bindings-c: {error}"))?;
    let mut octets = Vec::new();
    bindings.write(&mut octets);
    let text = String::from_utf8(octets).map_err(|error| error.to_string())?;
    with_init_macros(&with_bracketed_negatives(&text))
}

/// The comment at the top: the crate's own documentation, so that it is written once.
fn opening(source: &str) -> String {
    let mut comment = String::from("/*\n");
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        let _ = writeln!(comment, " *{}", line.trim_end());
    }
    comment + " *\n * SPDX-License-Identifier: MIT OR Apache-2.0\n */"
}

/// `LIBMSRP_VERSION_*` from the workspace's version, which is the version of this crate too.
fn version_macros(version: &str) -> Result<String, String> {
    let numbers: Vec<&str> = version
        .split(['-', '+'])
        .next()
        .unwrap_or("")
        .split('.')
        .collect();
    let [major, minor, patch] = numbers.as_slice() else {
        return Err(format!("version {version} is not major.minor.patch"));
    };
    Ok(format!(
        "\n/* The version of this header; libmsrp_version() tells the library's. */\n\
         #define LIBMSRP_VERSION_MAJOR {major}\n\
         #define LIBMSRP_VERSION_MINOR {minor}\n\
         #define LIBMSRP_VERSION_PATCH {patch}\n\
         #define LIBMSRP_VERSION_STRING \"{version}\""
    ))
}

/// `#define NAME -1` as `#define NAME (-1)`, so that it is one operand wherever it is used.
fn with_bracketed_negatives(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        match line
            .strip_prefix("#define ")
            .and_then(|rest| rest.split_once(' '))
        {
            Some((name, value)) if value.starts_with('-') => {
                let _ = writeln!(out, "#define {name} ({value})");
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

/// Puts one initialiser macro for each sized struct before the end of the include guard.
fn with_init_macros(text: &str) -> Result<String, String> {
    let structs = sized_structs(text);
    if structs.is_empty() {
        return Ok(text.to_owned());
    }
    let end = text
        .rfind("#endif")
        .ok_or("the generated header has no include guard")?;
    let mut macros = String::from(
        "/* Initialisers of the structs that begin with struct_size: the size is set, all else is\n\
         \x20* zero, which means the default. */\n\
         #ifdef __cplusplus\n\
         #define LIBMSRP_INIT_(type) ([] { type value{}; value.struct_size = sizeof(type); return value; }())\n\
         #else\n\
         #define LIBMSRP_INIT_(type) { .struct_size = sizeof(type) }\n\
         #endif\n",
    );
    for name in structs {
        let _ = writeln!(
            macros,
            "#define {}_INIT LIBMSRP_INIT_({name})",
            name.to_uppercase()
        );
    }
    Ok(format!("{}{macros}\n{}", &text[..end], &text[end..]))
}

/// Names of the structs whose first member is `size_t struct_size`, in the header's order.
fn sized_structs(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut open = None;
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        if in_comment || line.starts_with("/*") {
            in_comment = !line.ends_with("*/");
        } else if let Some(name) = line
            .strip_prefix("typedef struct ")
            .and_then(|rest| rest.strip_suffix(" {"))
        {
            open = Some(name);
        } else if let Some(name) = open.take()
            && line == "size_t struct_size;"
        {
            found.push(name);
        }
    }
    found
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn committed() -> PathBuf {
    repository().join("include").join("libmsrp.h")
}

fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "#ifndef H\n\
        typedef struct libmsrp_options {\n    /**\n     * The size.\n     */\n    size_t struct_size;\n} libmsrp_options;\n\
        typedef struct libmsrp_slice {\n    const uint8_t *ptr;\n    size_t struct_size;\n} libmsrp_slice;\n\
        #endif  /* H */\n";

    #[test]
    fn only_structs_that_begin_with_their_size_get_an_initialiser() {
        assert_eq!(sized_structs(HEADER), ["libmsrp_options"]);
    }

    #[test]
    fn initialisers_stand_inside_the_include_guard() {
        let text = with_init_macros(HEADER).unwrap();
        assert!(text.contains("#define LIBMSRP_OPTIONS_INIT LIBMSRP_INIT_(libmsrp_options)\n"));
        assert!(text.ends_with("#endif  /* H */\n"));
    }

    #[test]
    fn the_crate_documentation_opens_the_header() {
        let text = opening("//! One.\n//!\n//! Two.\n\nmod x;\n//! not this\n");
        assert_eq!(
            text,
            "/*\n * One.\n *\n * Two.\n *\n * SPDX-License-Identifier: MIT OR Apache-2.0\n */"
        );
    }

    #[test]
    fn negative_numbers_are_bracketed() {
        assert_eq!(
            with_bracketed_negatives("#define A -6\n#define B 6\nx\n"),
            "#define A (-6)\n#define B 6\nx\n"
        );
    }

    #[test]
    fn version_macros_follow_the_crate_version() {
        let text = version_macros("1.2.3-rc.1").unwrap();
        assert!(text.contains("MINOR 2\n") && text.contains("\"1.2.3-rc.1\""));
        assert!(version_macros("1.2").is_err());
    }
}
