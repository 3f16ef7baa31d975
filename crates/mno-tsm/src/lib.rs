//! The operator's Trusted Service Manager: UICC fleet, security domains, delivery to the card.
