//! The subcommands of `orders`.

mod api;
mod bulk;
mod filter;
mod look;
mod migrate_flow;
mod operate;
mod republish;
mod table;
mod token;

use crate::config::{self, Config, Database};
use crate::domain::Timestamp;
use crate::{boot, check, copy, picture, plan, policy_file, reshard, verify};
use anyhow::{Context, anyhow, bail};
use chassis::clock::{Clock, SteadyClock};
use chassis::config::Settings;
use chassis::ids::UuidV7Ids;
use chassis::kafka::KafkaConfig;
use chassis::kafka::admin::{Applied, Partitioning, TopicSpec, apply_topics};
use chassis::shutdown::Shutdown;
use clap::{Parser, Subcommand, ValueEnum};
use schemas::registry::{self, RegistryClient};
use schemas::topics::{ORDERS_RELAY, Owner, owned_by};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The orders context: takes orders and brings each to its end.
#[derive(Parser)]
#[command(name = "orders", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the context: HTTP API, tasks, deadlines, relay.
    Serve,
    /// Bring the tables of the database up to date, and say which instances may go on. Safe to repeat; what
    /// running instances could not go on with is refused, and nothing done.
    Migrate,
    /// Kafka topics that orders owns.
    #[command(subcommand)]
    Topics(Apply),
    /// Schemas that orders owns.
    #[command(subcommand)]
    Schemas(Apply),
    /// Compare journal and topic, order by order; exit 1 with what differs.
    Verify {
        /// How many seconds the relay may take to catch up.
        #[arg(long, default_value_t = 30)]
        wait: u64,
    },
    /// Replay every journal against the flow and compare each order with it; exit 1 with what
    /// differs. Safe beside a running context.
    Check {
        /// One JSON object a line: each violation, then the totals.
        #[arg(long)]
        json: bool,
    },
    /// Copy everything into another database, which has to be empty, and check it there. Nobody may
    /// use either meanwhile; the source stays as it is.
    Copy {
        /// `sqlite:PATH` or `postgres://…`; else what `ORDERS_DATABASE_URL` says.
        #[arg(long, required_unless_present = "to")]
        from: Option<Database>,
        /// `sqlite:PATH` or `postgres://…`; else what `ORDERS_DATABASE_URL` says.
        #[arg(long)]
        to: Option<Database>,
        /// One JSON object a line: what was copied, each violation, then the totals.
        #[arg(long)]
        json: bool,
    },
    /// Say what moving the orders under way to other terms would do. Nothing is done.
    Plan {
        /// The policy file.
        #[arg(long)]
        policy: PathBuf,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Move the orders under way to other terms, in the background of the running context. Safe to
    /// stop and to repeat.
    MigrateFlow(migrate_flow::MigrateFlow),
    /// Divide the journal among another number of relays, beside running instances. Safe to repeat.
    Reshard {
        /// How many, from 1 to 8.
        #[arg(value_parser = clap::value_parser!(i32).range(1..=8))]
        shards: i32,
        /// How many seconds to wait until it is published so.
        #[arg(long, default_value_t = 60)]
        wait: u64,
    },
    /// Print a token for the local stack, signed with the key of this machine.
    Token(token::Wish),
    /// Publish again what was published, from journal and compact history, each record as it was.
    Republish(republish::Again),
    /// Print the flow of an order.
    Flow {
        /// How.
        #[arg(long, default_value = "mermaid")]
        format: Format,
    },
    /// List orders, found as through the API. Those in compact history are not listed: `show` and
    /// `history` find them by their id.
    List(look::List),
    /// Show an order as it stands, with its dishes and tasks.
    Show(look::One),
    /// Show what happened to an order, the oldest first.
    History(look::One),
    /// Show how many orders stand where, since when, and what is in trouble.
    Status(look::Standing),
    /// Set orders going again that expired or timed out, or their task that was given up.
    Redrive(operate::Redrive),
    /// Have what waits for its next attempt tried at once.
    Retry(operate::Retry),
    /// Give orders more time.
    Extend(operate::Extend),
    /// Call orders off.
    Cancel(operate::Cancel),
    /// Do one of these to many orders, in the background.
    #[command(subcommand)]
    Bulk(bulk::Bulk),
}

#[derive(Subcommand)]
enum Apply {
    /// Create what is missing and set what differs. Safe to repeat.
    Apply,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A Mermaid state diagram.
    Mermaid,
    /// A drawing that stands alone.
    Svg,
    /// A state machine in Amazon States Language.
    Asl,
    /// The table itself.
    Json,
}

/// For whom a result is printed.
#[derive(Clone, Copy)]
enum Form {
    /// For people.
    Prose,
    /// For machines: one JSON object a line.
    Lines,
}

impl Form {
    /// As an option `--json` says.
    fn of(json: bool) -> Self {
        if json { Self::Lines } else { Self::Prose }
    }

    fn show<T: std::fmt::Display + serde::Serialize>(self, value: &T) -> anyhow::Result<()> {
        match self {
            Self::Prose => print(&format!("{value}\n")),
            Self::Lines => print(&format!("{}\n", serde_json::to_string(value)?)),
        }
    }
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever stands in the way, with what to do about it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve => serve().await,
            Command::Migrate => migrate().await,
            Command::Topics(Apply::Apply) => apply_own_topics().await,
            Command::Schemas(Apply::Apply) => apply_own_schemas().await,
            Command::Verify { wait } => verify(Duration::from_secs(wait)).await,
            Command::Reshard { shards, wait } => reshard(shards, Duration::from_secs(wait)).await,
            Command::Republish(again) => again.run().await,
            Command::Check { json } => check_own(Form::of(json)).await,
            Command::Copy { from, to, json } => copy(from, to, Form::of(json)).await,
            Command::Plan { policy, json } => plan(&policy, Form::of(json)).await,
            Command::Token(wish) => print(&(token::mint(&wish)? + "\n")),
            Command::MigrateFlow(migrate_flow) => migrate_flow.run().await,
            Command::Flow { format } => print(&match format {
                Format::Mermaid => picture::mermaid(),
                Format::Svg => picture::svg(),
                Format::Asl => picture::asl(),
                Format::Json => picture::json(),
            }),
            Command::List(list) => list.run().await,
            Command::Show(one) => one.show().await,
            Command::History(one) => one.history().await,
            Command::Status(standing) => standing.run().await,
            Command::Redrive(redrive) => redrive.run().await,
            Command::Retry(retry) => retry.run().await,
            Command::Extend(extend) => extend.run().await,
            Command::Cancel(cancel) => cancel.run().await,
            Command::Bulk(bulk) => bulk.run().await,
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    chassis::telemetry::init("orders", &mut settings);
    let config = Config::from_settings(&mut settings);
    let config = settings.finish(config)?;
    let clock = Arc::new(SteadyClock::start());
    boot::run(config, clock, Arc::new(UuidV7Ids), Shutdown::new()).await
}

async fn migrate() -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let database = settings.or("ORDERS_DATABASE_URL", Database::default());
    let done = boot::migrate_store(&settings.finish(database)?).await?;
    print(&format!("{done}\n"))
}

async fn apply_own_topics() -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let kafka = KafkaConfig::from_settings(&mut settings, "orders-deploy");
    let kafka = settings.finish(kafka)?;
    let spec = |topic: &schemas::topics::Topic| TopicSpec {
        name: topic.name.to_owned(),
        partitions: topic.partitions,
        partitioning: match topic.name == ORDERS_RELAY.name {
            true => Partitioning::ByNumber,
            false => Partitioning::ByKey,
        },
        config: topic.config().into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    };
    let specs: Vec<TopicSpec> = owned_by(Owner::Orders).map(spec).collect();
    for (name, applied) in apply_topics(&kafka, &specs).await? {
        match applied {
            Applied::Created => print(&format!("{name}: created\n"))?,
            Applied::Unchanged => print(&format!("{name}: as declared\n"))?,
            Applied::Grown { from } => print(&format!("{name}: more partitions than {from}\n"))?,
            Applied::Changed { settings } => print(&format!("{name}: changed {settings:?}\n"))?,
            Applied::Refused { reason } => bail!("{name}: {reason}"),
        }
    }
    Ok(())
}

async fn apply_own_schemas() -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let registry = config::registry(&mut settings);
    let registry = RegistryClient::at(&settings.finish(registry)?)?;
    for applied in registry::apply(&registry, Owner::Orders).await? {
        let registry::Applied { subject, version, id, outcome } = applied;
        print(&format!("{subject} version {version}: id {id}, {outcome:?}\n"))?;
    }
    Ok(())
}

async fn verify(wait: Duration) -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let kafka = KafkaConfig::from_settings(&mut settings, "orders-verify");
    let registry = config::registry(&mut settings);
    let database = settings.or("ORDERS_DATABASE_URL", Database::default());
    let (kafka, registry, database) = settings.finish((kafka, registry, database))?;
    let registry = RegistryClient::at(&registry)?;
    let store = boot::open_existing(&database).await?;
    let runtime = tokio::runtime::Handle::current();
    let report = tokio::task::spawn_blocking(move || {
        verify::verify(&kafka, &registry, &*store, wait, &runtime)
    });
    let report = report.await.context("the comparison was interrupted")??;
    print(&format!("{report}\n"))?;
    if !report.is_clean() {
        bail!("journal and topic differ");
    }
    Ok(())
}

async fn reshard(shards: i32, wait: Duration) -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let kafka = KafkaConfig::from_settings(&mut settings, "orders-reshard");
    let database = settings.or("ORDERS_DATABASE_URL", Database::default());
    let (kafka, database) = settings.finish((kafka, database))?;
    if matches!(database, Database::Sqlite(_)) {
        bail!("SQLite is used by one process, and one relay is all it needs");
    }
    let store = boot::open_existing(&database).await?;
    let done = reshard::reshard(store, kafka, shards, wait).await?;
    print(&format!("{done}\n"))
}

async fn copy(from: Option<Database>, to: Option<Database>, form: Form) -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let own = settings.or("ORDERS_DATABASE_URL", Database::default());
    let own = settings.finish(own)?;
    let (from, to) = (from.unwrap_or_else(|| own.clone()), to.unwrap_or(own));
    form.show(&copy::copy(&from, &to).await?)?;
    check(&to, form).await
}

async fn plan(file: &Path, form: Form) -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let database = settings.or("ORDERS_DATABASE_URL", Database::default());
    let database = settings.finish(database)?;
    let to = policy_file::read(file).map_err(|problems| anyhow!(problems.join("\n")))?;
    let store = boot::open_existing(&database).await?;
    let now = Timestamp(SteadyClock::start().now_us());
    form.show(&plan::plan(&*store, &to, now).await?)
}

async fn check_own(form: Form) -> anyhow::Result<()> {
    let mut settings = Settings::from_env();
    let database = settings.or("ORDERS_DATABASE_URL", Database::default());
    check(&settings.finish(database)?, form).await
}

async fn check(database: &Database, form: Form) -> anyhow::Result<()> {
    let store = boot::open_existing(database).await?;
    let checked = check::check(&*store, |violation| form.show(violation)).await?;
    form.show(&checked)?;
    if checked.violations > 0 {
        bail!(
            "the journal does not keep to the flow, or a row or a counter does not agree with it"
        );
    }
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
