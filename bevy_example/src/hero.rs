//! The first published character walks: arrow keys or WASD, in whole pixels.

use bevy::prelude::*;

use crate::gallery::Shown;
use crate::view::View;

/// Pixels of the art per second.
const SPEED: f32 = 60.0;

/// Moves what has a [`Hero`].
pub struct HeroPlugin;

impl Plugin for HeroPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(HeroAt(Vec2::new(144.0, 74.0)))
            .add_systems(Update, walk);
    }
}

/// Marks the one that walks.
#[derive(Component)]
pub struct Hero;

/// Its upper left corner, in pixels of the art from the view's. A resource, for the entity is made anew with the grid.
#[derive(Resource, Clone, Copy)]
pub struct HeroAt(Vec2);

impl HeroAt {
    /// The same in screen pixels: rounded to whole pixels of the art only here, so that slow steps add up.
    pub fn on_screen(self, zoom: u32) -> UVec2 {
        self.0.as_uvec2() * zoom
    }
}

fn walk(
    keys: Res<ButtonInput<KeyCode>>,
    time: Res<Time>,
    view: Res<View>,
    mut at: ResMut<HeroAt>,
    hero: Option<Single<(&mut Transform, &mut Shown), With<Hero>>>,
) {
    let Some((mut transform, mut shown)) = hero.map(Single::into_inner) else {
        return;
    };
    let room = (view.size / view.zoom).saturating_sub(UVec2::new(shown.width, shown.height));
    let step = direction(&keys).normalize_or_zero() * SPEED * time.delta_secs();
    at.0 = (at.0 + step).clamp(Vec2::ZERO, room.as_vec2());
    let pixel = at.on_screen(view.zoom);
    (shown.x, shown.y) = (pixel.x, pixel.y);
    transform.translation = view.to_world(pixel).extend(transform.translation.z);
}

/// Where the keys point; y points down, as on the screen.
fn direction(keys: &ButtonInput<KeyCode>) -> Vec2 {
    let pressed = |arrow, letter| f32::from(keys.any_pressed([arrow, letter]));
    Vec2::new(
        pressed(KeyCode::ArrowRight, KeyCode::KeyD) - pressed(KeyCode::ArrowLeft, KeyCode::KeyA),
        pressed(KeyCode::ArrowDown, KeyCode::KeyS) - pressed(KeyCode::ArrowUp, KeyCode::KeyW),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_keys_cancel_each_other() {
        let mut keys = ButtonInput::default();
        keys.press(KeyCode::ArrowRight);
        keys.press(KeyCode::KeyS);
        assert_eq!(direction(&keys), Vec2::new(1.0, 1.0));
        keys.press(KeyCode::KeyA);
        assert_eq!(direction(&keys), Vec2::new(0.0, 1.0));
    }
}
