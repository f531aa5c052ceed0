//! CRMs over real sockets: adapters against the stand-ins of the demo, which are as strict as the
//! systems themselves, and under faults.

mod amocrm_auth;
mod amocrm_configured;
mod amocrm_faults;
mod amocrm_live;
mod amocrm_log;
mod amocrm_rig;
mod amocrm_sheet;
mod bitrix24;
mod bitrix24_faults;
mod bitrix24_portal;
mod configured;
mod webhook;
