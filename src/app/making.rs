//! Operators, queues and users made in the pages or from the command line: checked together with
//! the file, kept, in use; or nothing of that.

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::config::{ConfigError, Document, Site};
use super::source::Source;
use super::{clock, people};
use crate::model::Name;
use crate::plan::{Level, Place, Problem};
use crate::store::{Made, Person};
use crate::web::{Asked, Change, ChangeError, Changed, FieldText, Sort};

/// Carries out what the pages ask, one after the other, until asked to stop.
pub async fn listen(
    mut asked: mpsc::Receiver<Asked>,
    source: std::sync::Arc<Source>,
    stop: CancellationToken,
) {
    loop {
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            asked = asked.recv() => asked,
        };
        let Some(Asked { change, reply }) = asked else { return };
        // Who asked may have gone away; the change stands all the same.
        let _gone = reply.send(make(&source, change).await).is_err();
    }
}

/// Makes one change.
pub async fn make(source: &Source, change: Change) -> Result<Changed, ChangeError> {
    let (sort, name) = match &change {
        Change::Reload => return reload(source).await,
        Change::Make { sort, name, .. } | Change::Put { sort, name, .. } => (*sort, name.clone()),
        Change::Disable { sort, name, .. } | Change::Remove { sort, name } => (*sort, name.clone()),
    };
    let turn = source.turn().await;
    let before = people::made(source.store()).await.map_err(unavailable)?;
    let (after, kept) = apply(source, before, change)?;
    let next = match source.read(after.clone()) {
        Ok(next) => next,
        Err(error) => return Err(refused(source, after, (sort, &name), error)),
    };
    let warnings = of_thing(sort, &name, &next.warnings);
    let revoked = keep(source, sort, &name, kept).await.map_err(unavailable)?;
    let mut changed = source.take(next, &turn).await.map_err(unavailable)?;
    if revoked {
        source.sign_out(&Name::from(name)).await;
    }
    changed.warnings = warnings;
    Ok(changed)
}

async fn reload(source: &Source) -> Result<Changed, ChangeError> {
    source.reload().await.map_err(|error| match error.downcast::<ConfigError>() {
        Ok(wrong) => ChangeError::Fields(errors(&wrong.problems).map(text_of).collect()),
        Err(other) => ChangeError::Conflict(format!("nothing was changed: {other:#}")),
    })
}

/// The documents with a change made to them, and that of the thing itself; `None`: it is gone.
fn apply(
    source: &Source,
    mut made: Vec<Document>,
    change: Change,
) -> Result<(Vec<Document>, Option<Document>), ChangeError> {
    let place = |made: &[Document], sort: Sort, name: &str| {
        let at = made.iter().position(|one| one.sort == sort && one.name == name);
        at.ok_or_else(|| missing(&source.site(), sort, name))
    };
    let kept = match change {
        Change::Reload => None,
        Change::Make { sort, name, keys } => {
            if place(&made, sort, &name).is_ok() || stands(&source.site(), sort, &name).is_some() {
                let why = format!("there is such {} already: {name}", article(sort));
                return Err(ChangeError::Conflict(why));
            }
            made.push(Document { sort, name: name.clone(), keys });
            made.last().cloned()
        }
        Change::Put { sort, name, keys } => {
            let at = place(&made, sort, &name)?;
            let document = made.get_mut(at);
            document.map(|document| {
                document.keys = keys;
                document.clone()
            })
        }
        Change::Disable { sort, name, disabled } => {
            let at = place(&made, sort, &name)?;
            let document = made.get_mut(at);
            document.map(|document| {
                document.keys.insert(String::from("disabled"), Value::Bool(disabled));
                document.clone()
            })
        }
        Change::Remove { sort, name } => {
            let at = place(&made, sort, &name)?;
            made.remove(at);
            None
        }
    };
    made.sort_by(|one, other| (one.sort, &one.name).cmp(&(other.sort, &other.name)));
    Ok((made, kept))
}

const fn article(sort: Sort) -> &'static str {
    match sort {
        Sort::Operator => "an operator",
        Sort::Queue => "a queue",
        Sort::User => "a user",
    }
}

/// Where a thing stands in the file in use; `None`: it does not.
fn stands(site: &Site, sort: Sort, name: &str) -> Option<String> {
    match sort {
        Sort::Operator | Sort::Queue => {
            let thing = site.things.iter().find(|thing| thing.sort == sort && thing.name == name);
            thing.and_then(|thing| thing.file.clone())
        }
        Sort::User => {
            let user = site.users.iter().find(|user| user.login.as_str() == name)?;
            let by_operator = user.operator.as_ref().map(|operator| format!("operator {operator}"));
            (!user.at.is_pages()).then(|| user.at.to_string()).or(by_operator)
        }
    }
}

fn missing(site: &Site, sort: Sort, name: &str) -> ChangeError {
    match stands(site, sort, name) {
        Some(at) => ChangeError::Conflict(format!("{name} stands at {at}: change it there")),
        None => ChangeError::Unknown(sort.word()),
    }
}

/// Why documents cannot be used. The thing that was changed is read last then, because of two
/// that want the same the later is blamed.
fn refused(
    source: &Source,
    mut made: Vec<Document>,
    (sort, name): (Sort, &str),
    error: ConfigError,
) -> ChangeError {
    made.sort_by_key(|one| one.sort == sort && one.name == name);
    let error = source.read(made).err().unwrap_or(error);
    let own: Vec<FieldText> =
        errors(&error.problems).filter(|problem| is_of(problem, sort, name)).map(text_of).collect();
    if !own.is_empty() {
        return ChangeError::Fields(own);
    }
    let all: Vec<String> = errors(&error.problems).map(ToString::to_string).collect();
    ChangeError::Conflict(format!("nothing was changed: {}", all.join("; ")))
}

fn errors(problems: &[Problem]) -> impl Iterator<Item = &Problem> {
    problems.iter().filter(|problem| problem.level == Level::Error)
}

fn is_of(problem: &Problem, sort: Sort, thing: &str) -> bool {
    match &problem.place {
        Place::Pages(it) => it.kind == sort.word() && it.name == thing,
        Place::Default | Place::File { .. } | Place::Environment(_) => false,
    }
}

/// What somebody should look at in one thing.
fn of_thing(sort: Sort, name: &str, warnings: &[Problem]) -> Vec<FieldText> {
    warnings.iter().filter(|problem| is_of(problem, sort, name)).map(text_of).collect()
}

fn text_of(problem: &Problem) -> FieldText {
    let field = match &problem.place {
        Place::Pages(it) => it.field.clone(),
        Place::Default | Place::File { .. } | Place::Environment(_) => problem.place.to_string(),
    };
    let message = match problem.mend.as_str() {
        "" => problem.message.clone(),
        mend => format!("{}; {mend}", problem.message),
    };
    FieldText { field, code: problem.code.to_owned(), message }
}

/// Keeps a thing, or takes it out; true when somebody's rights changed by that.
async fn keep(
    source: &Source,
    sort: Sort,
    name: &str,
    kept: Option<Document>,
) -> anyhow::Result<bool> {
    let store = source.store();
    match (sort, kept) {
        (Sort::User, Some(document)) => keep_user(source, &document).await,
        (Sort::User, None) => store.remove_person(&name.into()).await.map_err(Into::into),
        (Sort::Operator | Sort::Queue, Some(Document { keys, .. })) => {
            let (kind, doc) = (sort.word().to_owned(), Value::Object(keys).to_string());
            let made = Made { kind, name: name.into(), doc, changed_at: clock::wall() };
            store.save_made(&made).await?;
            Ok(false)
        }
        (Sort::Operator | Sort::Queue, None) => {
            store.remove_made(sort.word(), &name.into()).await?;
            Ok(false)
        }
    }
}

/// A user's row is what is kept of them. The keys were read once, so they fit.
async fn keep_user(source: &Source, document: &Document) -> anyhow::Result<bool> {
    let store = source.store();
    let old = store.person(&document.name).await?;
    let text = |keys: &Map<String, Value>, key: &str| {
        keys.get(key).and_then(Value::as_str).map(str::to_owned)
    };
    let queues = document.keys.get("queues").and_then(Value::as_array);
    let queues = queues.into_iter().flatten().filter_map(Value::as_str).map(Name::from);
    let person = Person {
        login: document.name.as_str().into(),
        role: text(&document.keys, "role").unwrap_or_default(),
        queues: queues.collect(),
        operator: None,
        language: old.as_ref().and_then(|old| old.language.clone()),
        password: None, // kept as it is
        disabled: document.keys.get("disabled").and_then(Value::as_bool).unwrap_or(false),
        created_at: old.as_ref().map_or_else(clock::wall, |old| old.created_at),
    };
    let login = person.login.clone();
    let ended = people::change(store, old.as_ref(), person).await?;
    people::undeclare(store, &login).await?;
    Ok(ended.is_some())
}

fn unavailable(error: anyhow::Error) -> ChangeError {
    warn!(error = format!("{error:#}"), "a change could not be carried out");
    ChangeError::Unavailable
}
