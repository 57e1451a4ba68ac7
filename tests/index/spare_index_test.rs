// SPDX-License-Identifier: GPL-2.0-only

//! `index <device> <create|load|rebuild|clean> <zones> <size>`: a deduplication index, filled and asked by messages.
//!
//! The size is `memory <MiB> <dense|sparse>`, or `shape <pages> <dense chapters> <sparse chapters> <chapters of a
//! checkpoint> <bucket bits>`. The mapped device itself takes no I/O.
//!
//! Messages about the names of a range reply how many were known with the right data, known with other data, not
//! known, and not served:
//!
//! | message | what it does |
//! |---|---|
//! | `fill <first> <count>` | posts the names |
//! | `query <first> <count>` | looks them up |
//! | `delete <first> <count>` | forgets them |
//! | `stats` | replies counters, one name and value a line |

#![deny(unsafe_code)]

use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
};

mod asker;
mod names;
mod stats;
mod table;

#[path = "../../src"]
mod layer {
    #[allow(unsafe_code, reason = "the layer is where it belongs")]
    pub mod dm;
    pub mod engine;
    #[allow(unsafe_code, reason = "the layer is where it belongs")]
    pub mod kern;
    #[allow(unsafe_code, reason = "the layer is where it belongs")]
    pub(crate) mod sys;
    /// Of the target only what the index needs.
    pub mod target {
        pub mod index;
    }
}
pub(crate) use layer::sys;
pub use layer::{
    dm,
    engine,
    kern,
    target, //
};

use dm::{
    Arguments,
    ConstructError,
    Constructor,
    DeviceVisitor,
    MapBio,
    Mapped,
    MessageError,
    Quiesced,
    Reply,
    Starting,
    Status,
    StatusKind,
    StatusWriter,
    Target,
    Words, //
};
use engine::index::{
    OpenError,
    OpenMode, //
};
use kern::random_bytes;
use target::index::{
    Index,
    IndexSettings,
    IndexState, //
};

use self::{
    asker::{
        Asker,
        Question, //
    },
    table::{
        Mode,
        Table, //
    },
};

module! {
    type: Module,
    name: "spare_index_test",
    authors: ["The dm-spare authors"],
    description: "Test of the deduplication index",
    license: "GPL",
}

#[pin_data]
struct Module {
    #[pin]
    target: dm::Registration<IndexTest>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            target <- dm::Registration::new(module),
        })
    }
}

/// Requests that can wait in each zone: fewer than are asked at a time, so that some are refused at first.
const WAITING: u32 = 48;

/// One table line.
struct IndexTest {
    index: Index<Asker>,
    asker: Arc<Asker>,
    device: Arc<dm::Device>,
    table: Table,
}

impl IndexTest {
    fn ask(
        &self,
        question: Question,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        let number =
            |place| dm::parse_number("number", words.get(place).unwrap_or(""), 0..=1 << 40);
        let (first, count) = (number(1)?, number(2)?);
        let tally = self
            .asker
            .ask(&self.index, question, first..first + count)?;
        reply.put(fmt!(
            "right {} wrong {} absent {} unavailable {}",
            tally.right,
            tally.wrong,
            tally.absent,
            tally.unavailable
        ));
        Ok(())
    }
}

impl Target for IndexTest {
    type PerBio = ();
    const NAME: &'static CStr = c"index";
    const VERSION: [u32; 3] = [1, 0, 0];

    fn new(
        context: &mut Constructor<'_>,
        arguments: Arguments<'_>,
    ) -> Result<Arc<Self>, ConstructError> {
        let (table, device) = Table::parse(context, arguments)?;
        let asker = Arc::pin_init(Asker::new(table.zones)?, GFP_KERNEL)?;
        let device = Arc::new(device, GFP_KERNEL)?;
        let settings = IndexSettings {
            geometry: table.geometry,
            zones: table.zones,
            waiting: WAITING,
            name: context.device_name(),
            first_sector: 0,
        };
        let test = Self {
            index: Index::new(settings, device.clone(), asker.clone())?,
            asker,
            device,
            table,
        };
        Ok(Arc::new(test, GFP_KERNEL)?)
    }

    fn destroy(this: ArcBorrow<'_, Self>) {
        this.index.stop();
    }

    fn map<'a>(_this: ArcBorrow<'_, Self>, bio: MapBio<'a, Self>) -> Mapped<'a> {
        bio.complete(Status::NOTSUPP)
    }

    fn preresume(this: ArcBorrow<'_, Self>, state: Starting<'_>) -> Result {
        if !state.is_first() {
            this.index.resume();
            return Ok(());
        }
        let mode = match this.table.mode {
            Mode::Create => {
                let mut uuid = [0; 16];
                random_bytes(&mut uuid);
                OpenMode::Create { uuid }
            }
            Mode::Load => OpenMode::Load,
            Mode::Rebuild => OpenMode::Rebuild,
            Mode::Clean => OpenMode::LoadClean,
        };
        match this.index.open(mode)? {
            Ok(opened) => {
                pr_info!(
                    "index on {}: chapters {} to {}, clean {}, rebuilt {}\n",
                    this.device.name(),
                    opened.window.oldest.0,
                    opened.window.newest.0,
                    opened.was_clean,
                    opened.rebuilt
                );
                Ok(())
            }
            Err(error) => {
                pr_err!("index on {}: {error:?}\n", this.device.name());
                Err(match error {
                    OpenError::Storage => EIO,
                    OpenError::Memory => ENOMEM,
                    OpenError::NoIndex | OpenError::Version(_) | OpenError::NotClean => EINVAL,
                })
            }
        }
    }

    fn postsuspend(this: ArcBorrow<'_, Self>, _state: Quiesced<'_>) {
        let is_saved = this.index.suspend(true);
        pr_info!("index on {}: saved {is_saved}\n", this.device.name());
    }

    fn message(
        this: ArcBorrow<'_, Self>,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        match (words.get(0).unwrap_or(""), words.len()) {
            ("fill", 3) => this.ask(Question::Post, words, reply),
            ("query", 3) => this.ask(Question::Peek, words, reply),
            ("delete", 3) => this.ask(Question::Delete, words, reply),
            ("stats", 1) => {
                stats::write(&this.index.snapshot(), reply);
                Ok(())
            }
            (name, _) => Err(MessageError::invalid(fmt!(
                "the message `{name}` is not known: send fill, query, delete or stats"
            ))),
        }
    }

    fn status(
        this: ArcBorrow<'_, Self>,
        kind: StatusKind,
        _noflush: bool,
        out: &mut StatusWriter<'_>,
    ) {
        match kind {
            StatusKind::Info => {
                let keeper = this.index.snapshot().keeper;
                let window = keeper.window;
                out.put(fmt!(
                    "{} {} {}",
                    word_of(this.index.state()),
                    window.oldest.0,
                    window.newest.0
                ));
            }
            StatusKind::Table => this.table.write(this.device.name(), out),
            StatusKind::Ima => out.put(fmt!("target_name=index;")),
        }
    }

    fn iterate_devices(this: ArcBorrow<'_, Self>, visitor: &mut DeviceVisitor<'_>) {
        visitor.visit(&this.device, 0, this.device.sectors());
    }
}

fn word_of(state: IndexState) -> &'static str {
    match state {
        IndexState::Closed => "closed",
        IndexState::Opening => "opening",
        IndexState::Open => "open",
        IndexState::Failed => "failed",
    }
}
