//! CRMs and their stand-ins over real sockets: what each contract says, under faults.

mod bitrix24;
mod bitrix24_faults;
mod bitrix24_portal;
mod configured;
mod webhook;
