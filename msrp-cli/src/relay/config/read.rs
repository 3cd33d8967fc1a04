//! Reading TOML so that all mistakes are told at once, each with its line and its key.
//!
//! serde ends at the first mistake. What is wrong is therefore taken out and the rest is read again, until it can be
//! read or nothing can be taken out any more.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

/// Mistakes that are told of one text: each costs a look at the whole.
const TOLD: usize = 100;

/// What is wrong in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Counted from 1.
    pub(super) line: usize,
    /// With those of the tables around it, `limits.connections`; empty where no key is meant.
    pub(super) key: String,
    /// What is wrong, and what is allowed.
    pub(super) text: String,
}

/// Reads a value, or names everything that is wrong with its text, as far as it is not too much.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Mistake>> {
    let (mut root, errors) = DeTable::parse_recoverable(text);
    let mut mistakes: Vec<_> = errors
        .iter()
        .map(|error| mistake(text, error, String::new()))
        .collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut taken = Vec::new();
    while mistakes.len() < TOLD {
        let error = match T::deserialize(Deserializer::from(root.clone())) {
            Ok(value) if mistakes.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(error) => error,
        };
        let found = error
            .span()
            .and_then(|span| take(root.get_mut(), &span, missing(&error).is_some()));
        let key = match (&found, missing(&error)) {
            (Some(table), Some(field)) => format!("{table}.{field}"),
            (None, Some(field)) => field.to_owned(),
            (Some(key), None) => key.clone(),
            (None, None) => String::new(),
        };
        // What is missing because it was wrong is not told twice.
        if missing(&error).is_none() || !taken.contains(&key) {
            mistakes.push(mistake(text, &error, key));
        }
        match found {
            Some(found) => taken.push(found),
            None => break,
        }
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Err(mistakes)
}

/// The line in which an octet of a text stands, counted from 1.
pub(super) fn line_of(text: &str, octet: usize) -> usize {
    let before = &text.as_bytes()[..octet.min(text.len())];
    1 + before.iter().filter(|octet| **octet == b'\n').count()
}

fn mistake(text: &str, error: &Error, key: String) -> Mistake {
    Mistake {
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        key,
        text: error.message().replace('\n', ", "),
    }
}

/// The field that a table has to have and has not.
fn missing(error: &Error) -> Option<&str> {
    let field = error.message().strip_prefix("missing field `")?;
    field.strip_suffix('`')
}

/// Takes out the smallest thing in which `span` lies, and gives its key. Where a field is missing, that is a table.
fn take(table: &mut DeTable<'_>, span: &Range<usize>, missing: bool) -> Option<String> {
    let mut wrong = None;
    for (key, value) in table.iter_mut() {
        if !missing && holds(&key.span(), span) {
            wrong = Some(key.clone());
            break;
        }
        if let Some(inner) = take_inside(value, span, missing) {
            let outer = key.get_ref();
            return Some(match inner.as_str() {
                "" => outer.to_string(),
                _ => format!("{outer}.{inner}"),
            });
        }
        if is_it(&value.span(), span, missing) {
            wrong = Some(key.clone());
            break;
        }
    }
    let key = wrong?;
    table.remove(&key);
    Some(key.into_inner().into_owned())
}

/// The same within a value. What has no key of its own has an empty one.
fn take_inside(
    value: &mut Spanned<DeValue<'_>>,
    span: &Range<usize>,
    missing: bool,
) -> Option<String> {
    match value.get_mut() {
        DeValue::Table(table) => take(table, span, missing),
        DeValue::Array(array) => {
            for index in 0..array.len() {
                let element = array.get_mut(index)?;
                if let Some(key) = take_inside(element, span, missing) {
                    return Some(key);
                }
                if is_it(&element.span(), span, missing) {
                    *array = array
                        .iter()
                        .enumerate()
                        .filter(|(place, _)| *place != index)
                        .map(|(_, element)| element.clone())
                        .collect();
                    return Some(String::new());
                }
            }
            None
        }
        _ => None,
    }
}

/// Whether a value is what is wrong: a table that misses something is meant itself.
fn is_it(value: &Range<usize>, span: &Range<usize>, missing: bool) -> bool {
    match missing {
        true => value == span,
        false => holds(value, span),
    }
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Whole {
        names: Vec<String>,
        #[serde(default)]
        part: Part,
        #[serde(default)]
        many: Vec<Each>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    #[allow(dead_code, reason = "only read")]
    struct Part {
        size: u16,
        deep: Deep,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    #[allow(dead_code, reason = "only read")]
    struct Deep {
        on: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Each {
        at: String,
    }

    fn told(text: &str) -> Vec<(usize, String, String)> {
        let mistakes = read::<Whole>(text).expect_err("mistakes");
        mistakes
            .into_iter()
            .map(|m| (m.line, m.key, m.text))
            .collect()
    }

    #[test]
    fn each_mistake_is_told_with_line_and_key() {
        let text = "names = ['a', 2, 'b', 3]\nnome = 1\n[part]\nsize = 70000\nsise = 1\n[part.deep]\non = 'yes'\n\
                    [[many]]\n[[many]]\nat = 'x'\n[[many]]\nat = 4\nnot = 1\n";
        let told = told(text);
        let places: Vec<_> = told.iter().map(|(l, k, _)| (*l, k.as_str())).collect();
        assert_eq!(
            places,
            [
                (1, "names"),
                (1, "names"),
                (2, "nome"),
                (4, "part.size"),
                (5, "part.sise"),
                (7, "part.deep.on"),
                (8, "many.at"),
                (12, "many.at"),
                (13, "many.not"),
            ]
        );
        assert_eq!(
            told[2].2,
            "unknown field `nome`, expected one of `names`, `part`, `many`"
        );
        assert_eq!(told[6].2, "missing field `at`");
    }

    #[test]
    fn what_is_missing_is_told_once() {
        let keys = |text| told(text).into_iter().map(|(_, key, _)| key);
        let keys = |text| keys(text).collect::<Vec<_>>();
        assert_eq!(keys("[part]\nsize = -1\n"), ["names", "part.size"]);
        assert_eq!(
            keys("names = 1\n[part]\nsize = -1\n"),
            ["names", "part.size"]
        );
        assert_eq!(keys("names = []\n[[many]]\nat = 1\n"), ["many.at"]);
    }

    #[test]
    fn a_text_full_of_mistakes_costs_no_more_than_a_hundred() {
        let keys: String = (0..1000).map(|n| format!("key{n} = 1\n")).collect();
        assert_eq!(told(&keys).len(), TOLD);
    }

    #[test]
    fn what_is_no_toml_is_told_by_its_line() {
        let told = told("names = []\n\npart = [\nsize\n");
        assert!(
            told.iter()
                .all(|(line, key, _)| *line >= 3 && key.is_empty())
        );
        assert!(!told.is_empty());
    }
}
