//! Deliveries that are held, on the stage: rejected, released, redirected, withdrawn.

use kopir::domain::party::PartyNumber;
use kopir::domain::{HeldBy, HeldReason, Hold, Resolution, ResolveHeld, Sequence};

use crate::stage::{Answers, Stage};
use crate::words::said;

impl Stage {
    /// A receiver's system rejects a delivery, or the bus holds it.
    pub fn hold(&mut self, by: HeldBy, name: &str, delivery: &str, reason: &str) -> Answers {
        let reason: HeldReason = reason.parse().map_err(said)?;
        let (case, delivery) = (self.case(name)?.id, numbered(delivery)?);
        let asked = Hold { case, delivery, by, reason, detail: None };
        let event = match kopir::domain::hold(self.cases.get(name), &asked, self.context()?) {
            Ok(event) => event,
            Err(rejection) => return Ok(self.rejected(&rejection)),
        };
        let now = self.time()?;
        let sequence = self.next();
        let case = self.cases.get_mut(name).ok_or("a holding without a case")?;
        case.apply_held(&event, sequence, now);
        let with = self.name(event.party);
        let told = format!("accepted #{sequence}: #{delivery} is held with {with}, {reason}");
        Ok(vec![told, self.standing(name, self.case(name)?)])
    }

    /// `release CASE #N`, `redirect CASE #N to=PARTY`, `withdraw CASE #N`, with `with=PARTY` where
    /// it is held with several.
    pub fn resolve(&mut self, by: PartyNumber, how: &str, name: &str, rest: &[&str]) -> Answers {
        let [delivery, options @ ..] = rest else { return Err("no delivery".to_owned()) };
        let delivery = numbered(delivery)?;
        let (mut party, mut to) = (None, None);
        for option in options {
            match option.split_once('=') {
                Some(("with", id)) => party = Some(self.number(id)?),
                Some(("to", id)) => to = Some(self.number(id)?),
                _ => return Err(format!("{option} is no option")),
            }
        }
        let resolution = match (how, to) {
            ("release", None) => Resolution::Released,
            ("redirect", Some(to)) => Resolution::Redirected { to },
            ("withdraw", None) => Resolution::Withdrawn,
            _ => return Err(format!("{how} is no resolution")),
        };
        let asked = ResolveHeld {
            author: by,
            request: self.request(),
            fingerprint: [0; 32],
            case: self.case(name)?.id,
            delivery,
            party,
            resolution,
            note: String::new(),
        };
        let resolved = kopir::domain::resolve_held(self.cases.get(name), &asked, self.context()?);
        let event = match resolved {
            Ok(event) => event,
            Err(rejection) => return Ok(self.rejected(&rejection)),
        };
        let now = self.time()?;
        let sequence = self.next();
        let case = self.cases.get_mut(name).ok_or("a resolution without a case")?;
        case.apply_resolved(&event, sequence, now);
        let told = match event.resolution {
            Resolution::Released => format!("released to {}", self.name(event.party)),
            Resolution::Redirected { to } => {
                format!("redirected from {} to {}", self.name(event.party), self.name(to))
            }
            Resolution::Withdrawn => format!("withdrawn from {}", self.name(event.party)),
        };
        let told = format!("accepted #{sequence}: #{delivery} {told}");
        Ok(vec![told, self.standing(name, self.case(name)?)])
    }

    fn next(&mut self) -> Sequence {
        self.last += 1;
        Sequence(self.last)
    }
}

fn numbered(delivery: &str) -> Result<Sequence, String> {
    let number = delivery.strip_prefix('#').ok_or("a delivery is written #N")?;
    Ok(Sequence(number.parse().map_err(said)?))
}
