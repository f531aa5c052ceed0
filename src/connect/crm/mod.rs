//! CRMs: one file per system, each behind [`crate::connect::deliver::Outlet`].

mod amocrm;
mod amocrm_auth;
mod amocrm_batch;
mod amocrm_client;
mod amocrm_door;
mod amocrm_gate;
mod amocrm_log;
mod amocrm_look;
mod amocrm_numbers;
mod amocrm_pop;
mod amocrm_search;
mod amocrm_task;
mod amocrm_trouble;
mod amocrm_users;
mod amocrm_visits;
mod amocrm_wire;
mod bitrix24;
mod bitrix24_auth;
mod bitrix24_bucket;
mod bitrix24_calls;
mod bitrix24_cards;
mod bitrix24_event;
mod bitrix24_log;
mod bitrix24_search;
mod bitrix24_users;
mod bitrix24_visits;
mod bitrix24_wire;
mod plain;
mod texts;
mod webhook;
mod webhook_schema;

pub use amocrm::{
    AmoCrm, Settings as AmoSettings, TaskTo as AmoTaskTo, Ways as AmoWays,
    checked_base as checked_amo_base,
};
pub use amocrm_auth::{Access as AmoAccess, Client as AmoClient, ExchangeError};
pub use amocrm_gate::Gate as AmoGate;
pub use amocrm_log::Unknown as AmoUnknown;
pub use bitrix24::{
    Bitrix24, LOOK_UP_AFTER as BITRIX24_LOOK_UP_AFTER, Settings as Bitrix24Settings,
    is_portal as is_bitrix24_portal,
};
pub use bitrix24_auth::Installed as Bitrix24Installed;
pub use bitrix24_bucket::Rate as Bitrix24Rate;
pub use bitrix24_event::{
    Click as Bitrix24Click, EventError as Bitrix24EventError, read_click as read_bitrix24_click,
    read_installed as read_bitrix24_installed,
};
pub use bitrix24_users::Staff as Bitrix24Staff;
pub use webhook::{
    EVENT as WEBHOOK_EVENT, ID as WEBHOOK_ID, SIGNATURE as WEBHOOK_SIGNATURE,
    Settings as WebhookSettings, TIMESTAMP as WEBHOOK_TIMESTAMP, WallClock, Webhook,
    sign as sign_webhook, trial as webhook_trial,
};
pub use webhook_schema::{
    Field as WebhookField, KINDS as WEBHOOK_KINDS, Kind as WebhookKind, schema as webhook_schema,
};
