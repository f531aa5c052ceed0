//! `navbat check`: says what is wrong with a configuration and its dialplans, and where.

use std::io::Write;

use serde_json::json;

use super::config::{Site, Sources, load};
use crate::plan::{Level, Problem};

/// How `check` ends when the configuration cannot be used (sysexits.h, EX_CONFIG).
pub const EXIT_CONFIGURATION: u8 = 78;

/// Reads everything, prints every problem as `file:line:col: level[code]: message` with its mend,
/// or one JSON object, and gives the exit code: 0, or 78 when it cannot be used.
///
/// Fails when `out` cannot be written to.
pub fn run(sources: &Sources<'_>, json: bool, out: &mut dyn Write) -> std::io::Result<u8> {
    let (problems, site) = match load(sources) {
        Ok(site) => (site.warnings.clone(), Some(site)),
        Err(error) => (error.problems, None),
    };
    if json {
        let whole = json!({ "ok": site.is_some(), "problems": problems });
        writeln!(out, "{whole}")?;
    } else {
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        writeln!(out, "{}", summary(sources, site.as_ref(), &problems))?;
    }
    Ok(if site.is_some() { 0 } else { EXIT_CONFIGURATION })
}

fn summary(sources: &Sources<'_>, site: Option<&Site>, problems: &[Problem]) -> String {
    let name = sources.file.map_or("defaults".into(), |file| file.display().to_string());
    let warnings = problems.iter().filter(|problem| problem.level == Level::Warning).count();
    let warned = count(warnings, "warning");
    let Some(site) = site else {
        let errors = count(problems.len() - warnings, "error");
        return format!("{name}: {errors}, {warned}; it would not be used");
    };
    let promises = site.plans.iter().map(|plan| plan.expects.len()).sum();
    format!(
        "{name}: good, {warned}: {}, {}, {}, {} with {} kept",
        count(site.settings.operators.len(), "operator"),
        count(site.settings.queues.len(), "queue"),
        count(site.providers.len(), "provider"),
        count(site.plans.len(), "dialplan"),
        count(promises, "expectation"),
    )
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
